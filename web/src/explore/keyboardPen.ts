/** Drawing with the keyboard: the arrow keys move a pen, the space bar puts it down and lifts it. */
import type { Point } from "./stroke";

export interface Pen {
  /** In the sheet's own pixels. */
  at: Point;
  down: boolean;
}

const STEPS = 28;
const MOVES: Record<string, Point> = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

/** A lifted pen where most drawings begin: in the middle, near the top. */
export function ready(width: number, height: number): Pen {
  return { at: [width / 2, height / 5], down: false };
}

/** The pen after a key, on a sheet of this size; null where the key is not the pen's. */
export function after(pen: Pen, key: string, width: number, height: number): Pen | null {
  if (key === " ") return { ...pen, down: !pen.down };
  const move = MOVES[key];
  if (!move) return null;
  const step = Math.max(width, height) / STEPS;
  const along = (axis: 0 | 1, size: number) => Math.max(0, Math.min(size, pen.at[axis] + step * move[axis]));
  return { ...pen, at: [along(0, width), along(1, height)] };
}
