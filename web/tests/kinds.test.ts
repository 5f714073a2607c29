import { expect, test } from "vitest";
import { SHAPES } from "../src/explore/KindMark";
import { en } from "../src/i18n/en";

/** Activations share one sign, the curve of ReLU. */
const BENT = ["relu", "leaky_relu", "gelu", "silu"];

test("every kind of row has a sign and its texts", () => {
  const kinds = Object.keys(en).flatMap((key) => (key.startsWith("kind.") ? [key.slice(5)] : []));
  // a block is written as one layer, and computed as those in it and a sum
  const rows = kinds.filter((kind) => kind !== "residual");
  expect(rows).toContain("add");
  for (const kind of rows) {
    expect(kind in SHAPES || BENT.includes(kind), kind).toBe(true);
    expect(en, kind).toHaveProperty([`does.${kind}`]);
    expect(en, kind).toHaveProperty([`about.${kind}`]);
  }
});
