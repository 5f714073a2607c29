import { expect, test } from "vitest";
import { apart, followed, lossesOf } from "../src/training/curves";

const epoch = { event: "epoch" as const, train_accuracy: 0.9, validation_accuracy: 0.9 };

test("both validation losses are drawn where label smoothing makes them differ", () => {
  const events = [
    { ...epoch, epoch: 1, train_loss: 0.9, validation_loss: 0.6, validation_cross_entropy: 0.2 },
    { ...epoch, epoch: 2, train_loss: 0.7, validation_loss: 0.5, validation_cross_entropy: 0.1 },
  ];
  expect(lossesOf(events).map((one) => one.values)).toEqual([
    [0.9, 0.7],
    [0.6, 0.5],
    [0.2, 0.1],
  ]);
});

test("one validation loss is drawn without label smoothing, and for runs from before", () => {
  const same = { ...epoch, epoch: 1, train_loss: 0.9, validation_loss: 0.6, validation_cross_entropy: 0.6 };
  const { validation_cross_entropy: _, ...before } = same;
  for (const event of [same, before]) expect(lossesOf([event]).map((one) => one.className)).toEqual(["train", "validation"]);
});

test("labels at the ends of curves keep their order and do not touch", () => {
  expect(apart([100, 40])).toEqual([100, 40]);
  expect(apart([100, 101, null])).toEqual([93.5, 107.5, null]);
  expect(apart([100, 101, 99])).toEqual([100, 114, 86]);
  const moved = apart([50, 60, 75]) as number[];
  for (const [above, below] of [[0, 1], [1, 2]] as const) expect(moved[below]! - moved[above]!).toBeCloseTo(14);
});

test("epochs that are trained again after a kill replace those that were taken back", () => {
  const at = (number: number, train_loss: number) => ({ ...epoch, epoch: number, train_loss, validation_loss: 1 });
  const before = [at(1, 5), at(2, 4), at(3, 3)];
  expect(followed(before, [])).toEqual(before);
  expect(followed(before, [at(4, 2)]).map((event) => event.epoch)).toEqual([1, 2, 3, 4]);
  expect(followed(before, [at(1, 5), at(2, 9)]).map((event) => event.train_loss)).toEqual([5, 9]);
});
