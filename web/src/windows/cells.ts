/** Cells of an array and their numbers, row by row. */

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
