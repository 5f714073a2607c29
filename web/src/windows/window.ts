/** Any single cell of a network's layers: the numbers that it is made of. */
import type { Tensor, Tensors } from "../model/tensor";
import { isPointwise } from "../kinds/kinds";
import { never } from "../kinds/never";
import type { Step } from "../model/contract";
import { correlation } from "./correlation";
import { flattening, moving, pointwise, softmaxStep } from "./elementwise";
import { addition, concatenation, multiplication } from "./joins";
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
    case "adaptive_avg_pool":
      return pooling(step, step.kind, cell, input);
    case "linear":
      return weightedSum(computed.steps, step, cell[0]!, input, own("weight")!, own("bias"));
    case "flatten":
      return flattening(step, cell, input);
    case "pad":
    case "channels":
    case "channel_shuffle":
      return moving(step, cell, input);
    case "softmax":
      return softmaxStep(cell[0]!, input);
    case "add":
      return addition(step, cell, ends(computed, step));
    case "multiply":
      return multiplication(step, cell, ends(computed, step));
    case "concat":
      return concatenation(step, cell, ends(computed, step));
    default:
      return never(step.kind);
  }
}

/** What stands at the ends of a join's branches. */
function ends(computed: Computed, step: Step): Tensor[] {
  return step.source.map((name) => sourceOf(computed, name));
}
