/** The rows of a network's table as the tree that they are written in: blocks and their branches. */
import { familyOf, WRITTEN_KINDS } from "../kinds/kinds";
import type { Step, WrittenKind } from "./contract";
import type { WrittenLayer } from "./types";

export interface LayerNode {
  row: Step;
  /** Of a residual block: its layers, and those of its shortcut (none: the input itself). */
  block?: { main: LayerNode[]; shortcut: LayerNode[] };
  /** Layers after it that are shown with it. */
  folded?: Step[];
}

/** Build the tree; the rows come in the order of computation, a block after what is in it. */
export function treeOf(rows: readonly Step[]): LayerNode[] {
  return under(rows, "");
}

function under(rows: readonly Step[], prefix: string): LayerNode[] {
  const nodes: LayerNode[] = [];
  for (const row of rows) {
    if (!row.name.startsWith(prefix) || row.name.slice(prefix.length).includes(".")) continue;
    if (familyOf(row.kind) !== "addition") {
      nodes.push({ row });
      continue;
    }
    const inside = rows.filter((other) => other.name.startsWith(`${row.name}.`));
    const side = `${row.name}.shortcut.`;
    nodes.push({
      row,
      block: {
        main: under(inside.filter((other) => !other.name.startsWith(side)), `${row.name}.`),
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
