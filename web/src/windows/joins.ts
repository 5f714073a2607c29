/** Cells where branches meet: their sum, their product, or one of their cells. */
import type { Step } from "../model/contract";
import type { Tensor } from "../model/tensor";
import { flatIndex } from "./cells";
import type { Addition, Concatenation, Multiplication } from "./computation";

const valueAt = (end: Tensor, cell: readonly number[]) => end.data[flatIndex(end.shape, cell)]!;

export function addition(step: Step, cell: readonly number[], ends: readonly Tensor[]): Addition {
  const addends = ends.map((end) => valueAt(end, cell));
  const total = addends.reduce((sum, addend) => sum + addend, 0);
  return { family: "addition", addends, sources: step.source, total };
}

/** A map of one cell multiplies every cell of the others. */
export function multiplication(step: Step, cell: readonly number[], ends: readonly Tensor[]): Multiplication {
  const cells = ends.map((end) => cell.map((at, axis) => Math.min(at, end.shape[axis]! - 1)));
  const factors = ends.map((end, i) => valueAt(end, cells[i]!));
  const total = factors.reduce((product, factor) => product * factor, 1);
  return { family: "multiplication", factors, sources: step.source, cells, total };
}

export function concatenation(step: Step, cell: readonly number[], ends: readonly Tensor[]): Concatenation {
  const counts = ends.map((end) => end.shape[0]!);
  let [branch, number] = [0, cell[0]!];
  while (number >= counts[branch]!) number -= counts[branch++]!;
  const source = [number, ...cell.slice(1)];
  const value = valueAt(ends[branch]!, source);
  return { family: "concatenation", branch, sources: step.source, counts, source, value, total: value };
}
