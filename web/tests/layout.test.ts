import { expect, test } from "vitest";
import fixtures from "../fixtures/windows.json";
import { gridSize, hit, layOut, tileRect, type Column } from "../src/explore/layout";
import { treeOf } from "../src/model/tree";
import type { Step } from "../src/model/contract";

const steps = fixtures[0]!.steps as unknown as Step[];
const CLASSES = ["left", "right", "automobile"];
const layout = (width: number, zoom: number | null = null) => layOut(treeOf(steps), [2, 9, 10], CLASSES, width, 480, zoom);

test("every layer has a column, but for the last softmax, which is the answer", () => {
  const names = layout(900).columns.map((column) => column.step?.name ?? "image");
  expect(names.toSorted()).toEqual(["image", ...steps.map((step) => step.name)].filter((name) => name !== "softmax1").toSorted());
});

test("columns on one line do not touch each other, and all stay on the stage", () => {
  const { columns, width, height } = layout(900);
  for (const column of columns) {
    expect(column.x + column.width).toBeLessThanOrEqual(width);
    expect(column.top + gridSize(column).height).toBeLessThanOrEqual(height);
  }
  const line = columns.filter((column) => column.y === 0).toSorted((a, b) => a.x - b.x);
  line.slice(1).forEach((column, i) => expect(column.x).toBeGreaterThan(line[i]!.x + line[i]!.width));
});

test("a point in a map's cell is that map and that cell", () => {
  const column = layout(900, 60).columns.find((one) => one.step?.name === "conv1") as Column;
  const [, height, width] = column.step!.output as [number, number, number];
  for (let channel = 0; channel < column.step!.output[0]!; channel++) {
    const tile = tileRect(column, channel);
    const at = { x: tile.x - column.x + (1.5 * tile.width) / width, y: tile.y - column.top + (2.5 * tile.height) / height };
    expect(hit(column, at.x, at.y)).toEqual({ channel, row: 2, column: 1 });
  }
  expect(hit(column, -3, 5)).toBeNull();
});

test("blocks have a line for each branch, but for a single one beside its input", () => {
  const { blocks } = layout(900);
  expect(blocks.map((block) => [block.step.name, block.lanes.map((lane) => lane.own)])).toEqual([
    ["residual1", [true, true]],
    ["residual2", [false]],
  ]);
});

const joined = fixtures[2]!.steps as unknown as Step[];

test("branches stand one above the other, with room for each and the join after all of them", () => {
  const { columns, blocks, height } = layOut(treeOf(joined), [3, 8, 9], CLASSES, 900, 300, null);
  const block = (name: string) => blocks.find((one) => one.step.name === name)!;
  expect(block("concat1").lanes.map((lane) => lane.own)).toEqual([true, true, true, false]);
  expect(block("multiply1").gate).toBe(true);
  expect(block("repeat1.1.multiply1").gate).toBe(false);
  const column = (name: string) => columns.find((one) => one.step?.name === name)!;
  const tops = [1, 2, 3].map((n) => column(`concat1.branch${n}.conv1`).top);
  expect(tops.toSorted((a, b) => a - b)).toEqual(tops);
  expect(tops[1]! - tops[0]!).toBeGreaterThan(100);
  for (const n of [1, 2, 3]) {
    const inner = column(`concat1.branch${n}.conv1`);
    expect(inner.x + inner.width).toBeLessThan(column("concat1").x);
  }
  for (const one of columns) expect(one.top + gridSize(one).height).toBeLessThanOrEqual(height);
});

test("maps and the image keep their proportions", () => {
  const wide: Step = { ...steps[0]!, name: "wide", kind: "conv", output: [6, 20, 40], source: [null], block: "" };
  const tall: Step = { ...wide, name: "tall", output: [4, 30, 10], source: ["wide"] };
  const { columns } = layOut(treeOf([wide, tall]), [1, 20, 40], CLASSES, 900, 480, null);
  const shapes = columns.map(({ tile }) => tile.width / tile.height);
  expect(shapes).toEqual([2, 2, expect.closeTo(1 / 3, 1)]);
  const column = columns[1]!;
  const { x, y } = tileRect(column, 1);
  const at = { x: x - column.x + (30.5 * column.tile.width) / 40, y: y - column.top + (2.5 * column.tile.height) / 20 };
  expect(hit(column, at.x, at.y)).toEqual({ channel: 1, row: 2, column: 30 });
});

test("the names of classes have the room that they need", () => {
  const scores: Step = { ...steps[0]!, name: "scores", kind: "linear", input: [7], output: [3], source: [null] };
  const column = (classes: string[]) => layOut(treeOf([scores]), [1, 9, 9], classes, 900, 480, null).columns[1]!;
  expect(column(["0", "1", "2"]).label).toBeLessThan(40);
  expect(column(CLASSES).label).toBeGreaterThan(10 * 7);
  expect(column(CLASSES).width).toBe(column(CLASSES).label + column(["0", "1", "2"]).width - column(["0", "1", "2"]).label);
});
