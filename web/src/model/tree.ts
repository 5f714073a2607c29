/** The steps of a plan as the tree that they are written in: joins and their branches. */
import { isJoin, WRITTEN_KINDS } from "../kinds/kinds";
import type { Step, WrittenKind } from "./contract";
import type { WrittenLayer } from "./types";

export interface LayerNode {
  step: Step;
  /** Of a join: the layers of each branch (none: what the branches start from, as it is). */
  branches?: LayerNode[][];
  /** Layers after it that are shown with it. */
  folded?: Step[];
}

/** Build the tree; the steps come in the order of computation, a join after what is in its branches. */
export function treeOf(steps: readonly Step[]): LayerNode[] {
  const held = new Map<string, LayerNode[]>();
  const branch = (block: string, number: number): LayerNode[] => {
    const key = `${block} ${number}`;
    if (!held.has(key)) held.set(key, []);
    return held.get(key)!;
  };
  for (const step of steps) {
    const node = isJoin(step.kind) ? { step, branches: step.source.map((_, number) => branch(step.name, number)) } : { step };
    branch(step.block, step.branch).push(node);
  }
  return branch("", 0);
}

/** The kind that a written layer names; null for one that the page does not know. */
export function kindOf(layer: WrittenLayer): WrittenKind | null {
  return WRITTEN_KINDS.find((kind) => Object.hasOwn(layer, kind)) ?? null;
}
