/** A cell of a linear layer: `total = sum(features * weights) + bias`. */
import type { Tensor } from "../model/tensor";
import { familyOf } from "../kinds/kinds";
import type { Step } from "../model/contract";
import type { WeightedSum } from "./computation";

export function weightedSum(
  steps: Map<string, Step>,
  step: Step,
  index: number,
  features: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
): WeightedSum {
  const count = features.data.length;
  const patch = Float64Array.from(features.data);
  const kernel = Float64Array.from(weight.data.subarray(index * count, (index + 1) * count));
  const products = patch.map((value, i) => value * kernel[i]!);
  const offset = bias ? bias.data[index]! : null;
  const total = products.reduce((sum, product) => sum + product, 0) + (offset ?? 0);
  return { family: "weighted-sum", patch, kernel, products, bias: offset, maps: mapsBehind(steps, step), total };
}

/** The shape of the maps that a layer's features were, if they still stand in that order. */
export function mapsBehind(steps: Map<string, Step>, step: Step): [number, number, number] | null {
  for (let at = step.source[0]; at; ) {
    const before = steps.get(at);
    if (!before || familyOf(before.kind) === "weighted-sum") return null;
    if (before.kind === "concat" && before.output.length === 1) return null;
    if (before.input.length === 3) return before.input as [number, number, number];
    at = before.source[0];
  }
  return null;
}

export interface Contribution {
  index: number;
  value: number;
}

/** The largest contributions by size, and the sum of all others. */
export function strongest(values: ArrayLike<number>, count: number): { top: Contribution[]; rest: number } {
  const order = Array.from({ length: values.length }, (_, index) => index);
  order.sort((a, b) => Math.abs(values[b]!) - Math.abs(values[a]!) || a - b);
  const top = order.slice(0, count).map((index) => ({ index, value: values[index]! }));
  const rest = order.slice(count).reduce((sum, index) => sum + values[index]!, 0);
  return { top, rest };
}

/** Sum the products of each map that flatten laid out. */
export function byMap(products: Float64Array, maps: [number, number, number]): Float64Array {
  const cells = maps[1] * maps[2];
  const sums = new Float64Array(maps[0]);
  products.forEach((product, i) => {
    sums[Math.floor(i / cells)]! += product;
  });
  return sums;
}
