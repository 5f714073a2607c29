/** Any single step of a network: the numbers that one output cell is made of. */
import type { Tensor, Tensors } from "../model/tensor";
import { isPointwise } from "../kinds/kinds";
import { never } from "../kinds/never";
import type { Step } from "../model/contract";
import { correlation } from "./correlation";
import { flatIndex } from "./cells";
import { flattening, pointwise, softmaxStep } from "./elementwise";
import { pooling } from "./pooling";
import type { CellComputation } from "./computation";
import { weightedSum } from "./weightedSum";

/** What a step is computed from: the network's rows, its weights, and what one image made of it. */
export interface Computed {
  rows: Map<string, Step>;
  weights: Tensors;
  layers: Tensors;
  normalised: Tensor;
}

/** The array that a layer reads: another layer's output, or the image. */
export function sourceOf(computed: Computed, name: string | null | undefined): Tensor {
  const found = name ? computed.layers.get(name) : computed.normalised;
  if (!found) throw new Error(`there are no activations of "${name}"`);
  return found;
}

export function computationOf(computed: Computed, layer: string, cell: readonly number[]): CellComputation {
  const row = computed.rows.get(layer);
  if (!row) throw new Error(`there is no layer "${layer}"`);
  const input = sourceOf(computed, row.source[0]);
  const own = (name: string) => computed.weights.get(`${layer}.${name}`);
  if (isPointwise(row.kind)) return pointwise(row, row.kind, cell, input, computed.weights);
  switch (row.kind) {
    case "conv":
    case "depthwise":
      return correlation(row, cell, input, own("weight")!, own("bias"));
    case "max_pool":
    case "avg_pool":
    case "global_max_pool":
    case "global_avg_pool":
      return pooling(row, row.kind, cell, input);
    case "linear":
      return weightedSum(computed.rows, row, cell[0]!, input, own("weight")!, own("bias"));
    case "flatten":
      return flattening(row, cell, input);
    case "softmax":
      return softmaxStep(cell[0]!, input);
    case "add": {
      const sources: [string | null, string | null] = [row.source[0] ?? null, row.source[1] ?? null];
      const at = flatIndex(row.output, cell);
      const addends = sources.map((name) => sourceOf(computed, name).data[at]!) as [number, number];
      return { family: "addition", addends, sources, total: addends[0] + addends[1] };
    }
    default:
      return never(row.kind);
  }
}
