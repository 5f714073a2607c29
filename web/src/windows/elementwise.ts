/** Layers that make one value from one value, and softmax, which makes it from all. */
import { POINTWISE, type Pointwise as Record, type PointwiseKind } from "../kinds/pointwise";
import { sizeOf, type Tensor, type Tensors } from "../model/tensor";
import type { Step } from "../model/contract";
import { momentsOf, valuesAmong } from "./among";
import { cellAt, flatIndex, sourceCell } from "./cells";
import type { Flattening, Moving, Pointwise, Softmax } from "./computation";

export function pointwise(
  step: Step,
  kind: PointwiseKind,
  cell: readonly number[],
  values: Tensor,
  weights: Tensors,
): Pointwise {
  const record: Record = POINTWISE[kind];
  const value = values.data[flatIndex(step.input, cell)]!;
  const among = record.among ? valuesAmong(step, record.among, cell, values) : new Float64Array();
  const moments = momentsOf(among);
  const taken = Object.fromEntries((record.moments ?? []).map((name) => [name, moments[name]]));
  const numbers = { ...numbersOf(step, kind, cell[0]!, weights), ...taken };
  const total = record.value(value, numbers);
  return { family: "pointwise", kind, source: [...cell], value, numbers, among: among.length, total };
}

/** The layer's constants, and those of its weights that belong to a channel. */
function numbersOf(step: Step, kind: PointwiseKind, channel: number, weights: Tensors): { [name: string]: number } {
  const record: Record = POINTWISE[kind];
  const own = (name: string) => [name, weights.get(`${step.name}.${name}`)!.data[channel]!] as const;
  return { ...step.constants, ...Object.fromEntries((record.arrays ?? []).map(own)) };
}

/** A feature of a flattened stack of maps: the same value in another place. */
export function flattening(step: Step, cell: readonly number[], values: Tensor): Flattening {
  const source = cellAt(step.input, cell[0]!);
  const value = values.data[flatIndex(step.input, source)]!;
  return { family: "flattening", source, value, total: value };
}

/** A cell of a layer that chooses channels, rows and columns of its input. */
export function moving(step: Step, cell: readonly number[], maps: Tensor): Moving {
  const source = sourceCell(step, cell);
  const value = source ? maps.data[flatIndex(step.input, source)]! : 0;
  return { family: "moving", source, value, total: value };
}

export function softmaxStep(index: number, logits: Tensor): Softmax {
  const values = Float64Array.from(logits.data.subarray(0, sizeOf(logits.shape)));
  const largest = values.reduce((most, x) => Math.max(most, x), -Infinity);
  const exponentials = values.map((x) => Math.exp(x - largest));
  const sum = exponentials.reduce((all, x) => all + x, 0);
  return { family: "softmax", logits: values, largest, exponentials, sum, total: exponentials[index]! / sum };
}
