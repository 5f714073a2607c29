import { expect, test } from "vitest";
import { isFlat, tensor } from "../src/model/tensor";

test("an image is flat where each of its planes has one value", () => {
  expect(isFlat(tensor([1, 2, 2], [0, 0, 0, 0]))).toBe(true);
  expect(isFlat(tensor([3, 1, 2], [9, 9, 120, 120, 0, 0]))).toBe(true);
  expect(isFlat(tensor([3, 1, 2], [9, 9, 120, 121, 0, 0]))).toBe(false);
});
