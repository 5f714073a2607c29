/** Any single cell of a network's layers: the numbers that it is made of. */
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

/** What a cell is computed from: the network's steps, its weights, and what one image made of it. */
export interface Computed {
  steps: Map<string, Step>;
  weights: Tensors;
  layers: Tensors;
  normalised: Tensor;
}

/** The array that a layer reads: another layer's output, or the image. */
export function sourceOf(computed: Computed, name: string | null | undefined): Tensor {
  const source = name ? computed.layers.get(name) : computed.normalised;
  if (!source) throw new Error(`there are no activations of "${name}"`);
  return source;
}

export function computationOf(computed: Computed, layer: string, cell: readonly number[]): CellComputation {
  const step = computed.steps.get(layer);
  if (!step) throw new Error(`there is no layer "${layer}"`);
  const input = sourceOf(computed, step.source[0]);
  const own = (name: string) => computed.weights.get(`${layer}.${name}`);
  if (isPointwise(step.kind)) return pointwise(step, step.kind, cell, input, computed.weights);
  switch (step.kind) {
    case "conv":
    case "depthwise":
      return correlation(step, cell, input, own("weight")!, own("bias"));
    case "max_pool":
    case "avg_pool":
    case "global_max_pool":
    case "global_avg_pool":
      return pooling(step, step.kind, cell, input);
    case "linear":
      return weightedSum(computed.steps, step, cell[0]!, input, own("weight")!, own("bias"));
    case "flatten":
      return flattening(step, cell, input);
    case "softmax":
      return softmaxStep(cell[0]!, input);
    case "add": {
      const sources: [string | null, string | null] = [step.source[0] ?? null, step.source[1] ?? null];
      const at = flatIndex(step.output, cell);
      const addends = sources.map((name) => sourceOf(computed, name).data[at]!) as [number, number];
      return { family: "addition", addends, sources, total: addends[0] + addends[1] };
    }
    default:
      return never(step.kind);
  }
}
