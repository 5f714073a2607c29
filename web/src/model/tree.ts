/** The steps of a plan as the tree that they are written in: blocks and their branches. */
import { familyOf, WRITTEN_KINDS } from "../kinds/kinds";
import type { Step, WrittenKind } from "./contract";
import type { WrittenLayer } from "./types";

export interface LayerNode {
  step: Step;
  /** Of a residual block: its layers, and those of its shortcut (none: the input itself). */
  block?: { main: LayerNode[]; shortcut: LayerNode[] };
  /** Layers after it that are shown with it. */
  folded?: Step[];
}

/** Build the tree; the steps come in the order of computation, a block after what is in it. */
export function treeOf(steps: readonly Step[]): LayerNode[] {
  return under(steps, "");
}

function under(steps: readonly Step[], prefix: string): LayerNode[] {
  const nodes: LayerNode[] = [];
  for (const step of steps) {
    if (!step.name.startsWith(prefix) || step.name.slice(prefix.length).includes(".")) continue;
    if (familyOf(step.kind) !== "addition") {
      nodes.push({ step });
      continue;
    }
    const inside = steps.filter((other) => other.name.startsWith(`${step.name}.`));
    const side = `${step.name}.shortcut.`;
    nodes.push({
      step,
      block: {
        main: under(inside.filter((other) => !other.name.startsWith(side)), `${step.name}.`),
        shortcut: under(inside, side),
      },
    });
  }
  return nodes;
}

/** The kind that a written layer names; null for one that the page does not know. */
export function kindOf(layer: WrittenLayer): WrittenKind | null {
  return WRITTEN_KINDS.find((kind) => Object.hasOwn(layer, kind)) ?? null;
}
