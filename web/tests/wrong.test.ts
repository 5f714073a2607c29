import { expect, test } from "vitest";
import { inside, markOf, placesOf } from "../src/workbench/wrong";

const mistake = (at: (number | string)[]) => ({ at, kind: "value", what: "", expected: "", fix: "" });

test("every wrong layer is marked, and the block around it", () => {
  const mistakes = [mistake(["layers", 1, "kernel"]), mistake(["layers", 3, "residual", 2, "conv"]), mistake(["classes"])];
  const wrong = placesOf({ at: [1], mistakes });
  expect([0, 1, 2, 3].map((index) => markOf(wrong, index))).toEqual(["", "is-wrong", "", "holds-wrong"]);
  const within = inside(wrong, 3, "residual");
  expect([1, 2].map((index) => markOf(within, index))).toEqual(["", "is-wrong"]);
  expect(inside(wrong, 3, "shortcut")).toEqual([]);
  const branched = placesOf({ at: [2, "branches", 1, 4], mistakes: [] });
  expect([0, 1].map((branch) => inside(branched, 2, "branches", branch))).toEqual([[], [[4]]]);
});
