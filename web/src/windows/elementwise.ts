/** Layers that work on one value at a time, and softmax, which works on one among all. */
import { sizeOf, type Tensor, type Tensors } from "../model/tensor";
import type { LayerRow } from "../model/types";
import { erf } from "./erf";
import type { Elementwise, Softmax } from "./step";

/** The index of a cell in its array, row by row. */
export function flatIndex(shape: readonly number[], cell: readonly number[]): number {
  return cell.reduce((index, at, axis) => index * shape[axis]! + at, 0);
}

/** The cell of an array at an index, row by row. */
export function cellAt(shape: readonly number[], index: number): number[] {
  const cell: number[] = [];
  let rest = index;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    cell.unshift(rest % shape[axis]!);
    rest = Math.floor(rest / shape[axis]!);
  }
  return cell;
}

export function elementwise(
  row: LayerRow,
  written: Record<string, unknown>,
  cell: readonly number[],
  values: Tensor,
  weights: Tensors,
): Elementwise {
  const source = row.kind === "flatten" ? cellAt(row.input, cell[0]!) : [...cell];
  const value = values.data[flatIndex(row.input, source)]!;
  const { total, constants } = compute(row, written, cell[0]!, value, weights);
  return { family: "elementwise", source, value, constants, total };
}

function compute(
  row: LayerRow,
  written: Record<string, unknown>,
  channel: number,
  x: number,
  weights: Tensors,
): { total: number; constants: Record<string, number> } {
  switch (row.kind) {
    case "relu":
      return { total: Math.max(x, 0), constants: {} };
    case "leaky_relu": {
      const slope = typeof written["leaky_relu"] === "number" ? written["leaky_relu"] : 0.01;
      return { total: x > 0 ? x : slope * x, constants: { slope } };
    }
    case "gelu": {
      const phi = 0.5 * (1 + erf(x / Math.SQRT2));
      return { total: x * phi, constants: { phi } };
    }
    case "silu": {
      const sigmoid = 1 / (1 + Math.exp(-x));
      return { total: x * sigmoid, constants: { sigmoid } };
    }
    case "batch_norm": {
      const own = (name: string) => weights.get(`${row.name}.${name}`)!.data[channel]!;
      const epsilon = typeof written["epsilon"] === "number" ? written["epsilon"] : 1e-5;
      const [mean, variance] = [own("running_mean"), own("running_var")];
      const [weight, bias] = [own("weight"), own("bias")];
      const normalised = (x - mean) / Math.sqrt(variance + epsilon);
      return {
        total: normalised * weight + bias,
        constants: { mean, variance, epsilon, normalised, weight, bias },
      };
    }
    default: // dropout and flatten hand values on
      return { total: x, constants: {} };
  }
}

export function softmaxStep(index: number, logits: Tensor): Softmax {
  const values = Float64Array.from(logits.data.subarray(0, sizeOf(logits.shape)));
  const largest = values.reduce((most, x) => Math.max(most, x), -Infinity);
  const exponentials = values.map((x) => Math.exp(x - largest));
  const sum = exponentials.reduce((all, x) => all + x, 0);
  return { family: "softmax", logits: values, largest, exponentials, sum, total: exponentials[index]! / sum };
}
