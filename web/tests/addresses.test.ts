import { expect, test } from "vitest";
import { address } from "../src/backend/addresses";

test("names go into an address as one part of it, and parameters behind it", () => {
  expect(address("/v1/models", {})).toBe("v1/models");
  expect(address("/v1/models/{name}:predict", { name: "a/b?c" })).toBe("v1/models/a%2Fb%3Fc:predict");
  expect(address("/v1/models/{name}/kernels/{layer}", { name: "run", layer: "residual1.conv1" })).toBe(
    "v1/models/run/kernels/residual1.conv1",
  );
  expect(address("/v1/models/{name}/samples", { name: "run" }, { kind: "test", count: 42 })).toBe(
    "v1/models/run/samples?kind=test&count=42",
  );
});
