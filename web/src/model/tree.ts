/** The rows of a network's table as the tree that they are written in: blocks and their branches. */
import type { LayerRow, WrittenLayer, WrittenNetwork } from "./types";

export interface LayerNode {
  row: LayerRow;
  /** Of a residual block: its layers, and those of its shortcut (none: the input itself). */
  block?: { main: LayerNode[]; shortcut: LayerNode[] };
  /** Layers after it that are shown with it. */
  folded?: LayerRow[];
}

/** Build the tree; the rows come in the order of computation, a block after what is in it. */
export function treeOf(rows: readonly LayerRow[]): LayerNode[] {
  return under(rows, "");
}

function under(rows: readonly LayerRow[], prefix: string): LayerNode[] {
  const nodes: LayerNode[] = [];
  for (const row of rows) {
    if (!row.name.startsWith(prefix) || row.name.slice(prefix.length).includes(".")) continue;
    if (row.kind !== "add") {
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

/** The layers as they are written, by the full names of the table's rows. */
export function writtenByName(network: WrittenNetwork): Map<string, WrittenLayer> {
  const found = new Map<string, WrittenLayer>();
  collect(network.layers, "", found);
  return found;
}

function collect(layers: readonly WrittenLayer[], prefix: string, found: Map<string, WrittenLayer>): void {
  const counts = new Map<string, number>();
  for (const layer of layers) {
    const kind = kindOf(layer);
    const number = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, number);
    const name = prefix + (typeof layer["name"] === "string" ? layer["name"] : `${kind}${number}`);
    found.set(name, layer);
    if (kind === "residual") {
      collect(layer["residual"] as WrittenLayer[], `${name}.`, found);
      collect((layer["shortcut"] as WrittenLayer[] | undefined) ?? [], `${name}.shortcut.`, found);
    }
  }
}

export const KINDS = [
  "conv",
  "depthwise",
  "batch_norm",
  "relu",
  "leaky_relu",
  "gelu",
  "silu",
  "max_pool",
  "avg_pool",
  "global_max_pool",
  "global_avg_pool",
  "dropout",
  "flatten",
  "linear",
  "softmax",
  "residual",
] as const;

export type Kind = (typeof KINDS)[number];

/** The kind that a written layer names. */
export function kindOf(layer: WrittenLayer): Kind {
  return KINDS.find((kind) => kind in layer) ?? "relu";
}
