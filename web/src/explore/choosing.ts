/** Pointing at a map or a cell, by pointer or by keys. */
import { signal } from "@preact/signals";
import type { Step } from "../model/contract";
import { inputChannel, selected } from "../state";

/** The layer that the reader was last brought to by the overview. */
export const arrived = signal<string | null>(null);

/** The layer that the network is to bring into view; null: none, or it did. */
export const wanted = signal<string | null>(null);

export function bring(layer: string | null): void {
  wanted.value = layer;
}

export function choose(step: Step, channel: number, y: number, x: number): void {
  inputChannel.value = null;
  selected.value = {
    layer: step.name,
    cell: step.output.length === 3 ? [channel, y, x] : [channel],
  };
}

/** The cell in the middle of a layer's maps. */
export function centre(step: Step): [number, number] {
  return [Math.floor((step.output[1] ?? 1) / 2), Math.floor((step.output[2] ?? 1) / 2)];
}

/** The map that an arrow key leads to in a grid `across` maps wide; null for other keys. */
export function movedMap(key: string, channel: number, across: number, count: number): number | null {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[key];
  if (step === undefined) return key === "Home" ? 0 : key === "End" ? count - 1 : null;
  const next = channel + step;
  return next >= 0 && next < count ? next : channel;
}

/** The cell that an arrow key leads to; null for other keys. */
export function movedCell(key: string, cell: readonly number[], shape: readonly number[]): number[] | null {
  const moves: Record<string, [number, number]> = {
    ArrowUp: [-1, 0],
    ArrowDown: [1, 0],
    ArrowLeft: [0, -1],
    ArrowRight: [0, 1],
  };
  const move = moves[key];
  if (!move) return null;
  const clamp = (n: number, size: number) => Math.max(0, Math.min(size - 1, n));
  if (cell.length === 1) return [clamp(cell[0]! + move[0] + move[1], shape[0]!)];
  return [cell[0]!, clamp(cell[1]! + move[0], shape[1]!), clamp(cell[2]! + move[1], shape[2]!)];
}
