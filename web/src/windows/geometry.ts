/** Where a window lies: rows and columns of a layer's input, and pixels of the image. */
import { readsOf } from "../kinds/kinds";
import type { Slide, Step } from "../model/contract";

export interface Region {
  firstRow: number;
  lastRow: number;
  firstColumn: number;
  lastColumn: number;
}

/** The input's positions under a window at one output position; outside 0..size-1 is padding. */
function positions([kernel, stride, before, , dilation]: Slide, at: number): number[] {
  return Array.from({ length: kernel }, (_, tap) => at * stride - before + dilation * tap);
}

/**
 * The input's rows and columns that one output cell reads: those under a sliding window, or a part of
 * the map, as adaptive pooling parts it. The one part of a global pool is all of it.
 */
export function under(step: Step, y: number, x: number): [number[], number[]] {
  if (step.window) return [positions(step.window[0], y), positions(step.window[1], x)];
  const [[, height, width], [, down, across]] = [step.input, step.output] as [number[], number[]];
  return [part(height ?? 1, down ?? 1, y), part(width ?? 1, across ?? 1, x)];
}

/** One of so many parts of an axis; neighbours may share a position. */
function part(size: number, count: number, at: number): number[] {
  const first = Math.floor((at * size) / count);
  return Array.from({ length: Math.ceil(((at + 1) * size) / count) - first }, (_, i) => first + i);
}

/** The rectangle of the layer's input that one output cell reads, padding included. */
export function windowRegion(step: Step, y: number, x: number): Region {
  const [rows, columns] = under(step, y, x);
  return {
    firstRow: rows[0]!,
    lastRow: rows[rows.length - 1]!,
    firstColumn: columns[0]!,
    lastColumn: columns[columns.length - 1]!,
  };
}

/** The pixels of the image that a cell can depend on; it may reach into the padding. */
export function receptiveField(step: Step, y: number, x: number): Region {
  const [top, left] = [step.offset[0] + y * step.jump[0], step.offset[1] + x * step.jump[1]];
  return {
    firstRow: top,
    lastRow: top + step.receptive_field[0] - 1,
    firstColumn: left,
    lastColumn: left + step.receptive_field[1] - 1,
  };
}

/**
 * The row and column that a cell has on the grid of its layer's receptive field.
 *
 * Features keep the grid of the maps they were until a layer that reads all of them.
 */
export function onGrid(steps: Map<string, Step>, step: Step, cell: readonly number[]): [number, number] {
  if (cell.length === 3) return [cell[1]!, cell[2]!];
  if (readsOf(step.kind) === "all" || step.kind === "concat") return [0, 0];
  if (step.input.length === 3) {
    const [, height, width] = step.input as [number, number, number];
    const index = cell[0]! % (height * width);
    return [Math.floor(index / width), index % width];
  }
  // of branches, those that still are on a grid
  const places = step.source.map((name): [number, number] => {
    const earlier = name ? steps.get(name) : undefined;
    return earlier ? onGrid(steps, earlier, cell) : [0, 0];
  });
  const [first, ...others] = places.filter(([y, x]) => y > 0 || x > 0);
  return first && others.every(([y, x]) => y === first[0] && x === first[1]) ? first : [0, 0];
}
