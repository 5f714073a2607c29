import { expect, test } from "vitest";
import fixtures from "../fixtures/windows.json";
import type { LayerNode } from "../src/model/tree";
import { treeOf } from "../src/model/tree";
import type { Step } from "../src/model/contract";

// the page's state asks the window for its theme
Object.assign(globalThis, {
  window: { matchMedia: () => ({ matches: false, addEventListener: () => undefined }) },
  document: { documentElement: { dataset: {} } },
});
const { fold, hostOf } = await import("../src/explore/folding");

const row = (name: string, kind: string, input = [4, 8, 8], output = input) => {
  const block = name.startsWith("residual1.") ? "residual1" : "";
  const branch = name.includes(".shortcut.") ? 1 : 0;
  return { name, kind, input, output, source: kind === "add" ? [null, null] : [null], block, branch } as unknown as Step;
};
const steps = [
  row("relu1", "relu"),
  row("conv1", "conv"),
  row("batch_norm1", "batch_norm"),
  row("relu2", "relu"),
  row("residual1.conv1", "conv"),
  row("residual1.batch_norm1", "batch_norm"),
  row("residual1.shortcut.conv1", "conv"),
  row("residual1.shortcut.batch_norm1", "batch_norm"),
  row("residual1", "add"),
  row("relu3", "relu"),
  row("global_avg_pool1", "global_avg_pool", [4, 8, 8], [4, 1, 1]),
  row("flatten1", "flatten", [4, 1, 1], [4]),
  row("linear1", "linear", [4], [10]),
];
const names = (nodes: readonly LayerNode[]): string[] =>
  nodes.flatMap((node) => [...names((node.branches ?? []).flat()), node.step.name]);

test("norms and activations stand with the layer before them, in blocks too", () => {
  const folded = fold(treeOf(steps), new Set());
  expect(names(folded)).toEqual([
    "relu1",
    "conv1",
    "residual1.conv1",
    "residual1.shortcut.conv1",
    "residual1",
    "global_avg_pool1",
    "linear1",
  ]);
  expect(hostOf(folded, "relu2")).toBe("conv1");
  expect(hostOf(folded, "relu3")).toBe("residual1");
  expect(hostOf(folded, "flatten1")).toBe("global_avg_pool1");
  expect(hostOf(folded, "residual1.shortcut.batch_norm1")).toBe("residual1.shortcut.conv1");
  expect(hostOf(folded, "linear1")).toBe("linear1");
});

test("a layer that is opened shows all that stood with it", () => {
  const folded = fold(treeOf(steps), new Set(["conv1", "residual1.shortcut.conv1"]));
  expect(names(folded)).toContain("batch_norm1");
  expect(names(folded)).toContain("relu2");
  expect(names(folded)).toContain("residual1.shortcut.batch_norm1");
  expect(names(folded)).not.toContain("residual1.batch_norm1");
});

test("no layer is lost by folding", () => {
  for (const fixture of fixtures) {
    const tree = treeOf(fixture.steps as unknown as Step[]);
    const all = (nodes: readonly LayerNode[]): string[] =>
      nodes.flatMap((node) => [
        ...all((node.branches ?? []).flat()),
        node.step.name,
        ...(node.folded ?? []).map((one) => one.name),
      ]);
    expect(all(fold(tree, new Set())).toSorted()).toEqual(names(tree).toSorted());
  }
});
