/** Layers that make one value from one value, and softmax, which makes it from all. */
import { POINTWISE, type PointwiseKind } from "../kinds/pointwise";
import { sizeOf, type Tensor, type Tensors } from "../model/tensor";
import type { Step } from "../model/contract";
import { cellAt, flatIndex } from "./cells";
import type { Flattening, Pointwise, Softmax } from "./computation";

export function pointwise(
  step: Step,
  kind: PointwiseKind,
  cell: readonly number[],
  values: Tensor,
  weights: Tensors,
): Pointwise {
  const value = values.data[flatIndex(step.input, cell)]!;
  const numbers = numbersOf(step, kind, cell[0]!, weights);
  return { family: "pointwise", kind, source: [...cell], value, numbers, total: POINTWISE[kind].value(value, numbers) };
}

/** The layer's constants, and those of its weights that belong to a channel. */
function numbersOf(step: Step, kind: PointwiseKind, channel: number, weights: Tensors): Record<string, number> {
  const own = (name: string) => [name, weights.get(`${step.name}.${name}`)!.data[channel]!] as const;
  return { ...step.constants, ...Object.fromEntries((POINTWISE[kind].arrays ?? []).map(own)) };
}

/** A feature of a flattened stack of maps: the same value in another place. */
export function flattening(step: Step, cell: readonly number[], values: Tensor): Flattening {
  const source = cellAt(step.input, cell[0]!);
  const value = values.data[flatIndex(step.input, source)]!;
  return { family: "flattening", source, value, total: value };
}

export function softmaxStep(index: number, logits: Tensor): Softmax {
  const values = Float64Array.from(logits.data.subarray(0, sizeOf(logits.shape)));
  const largest = values.reduce((most, x) => Math.max(most, x), -Infinity);
  const exponentials = values.map((x) => Math.exp(x - largest));
  const sum = exponentials.reduce((all, x) => all + x, 0);
  return { family: "softmax", logits: values, largest, exponentials, sum, total: exponentials[index]! / sum };
}
