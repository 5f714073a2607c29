/** Cells of an array: their numbers, row by row, and where they come from. */
import type { Step } from "../model/contract";

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

/** The cell of a layer's input that a cell is, where the layer only moves it; null for a zero. */
export function sourceCell(step: Step, cell: readonly number[]): number[] | null {
  const source = cell.map((at, axis) => step.origins?.[axis]?.[at] ?? at);
  return source.includes(-1) ? null : source;
}
