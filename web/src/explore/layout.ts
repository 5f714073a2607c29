/**
 * Where every map of a network stands: a pure function from its layers and the room there is.
 *
 * All numbers are CSS pixels from the upper left corner of the stage.
 */
import { proportioned, type Size } from "../draw/proportions";
import type { LayerNode } from "../model/tree";
import type { Step } from "../model/contract";

export interface Column {
  /** null: the image. */
  step: Step | null;
  x: number;
  y: number;
  width: number;
  /** Of the grid of maps, below the header. */
  top: number;
  /** Size of a map (or of a feature's cell), in its own proportions. */
  tile: Size;
  gap: number;
  across: number;
  down: number;
  /** How the values are drawn. */
  form: "maps" | "features" | "classes" | "image";
  /** Of the names beside the values of classes. */
  label: number;
  /** Layers that stand with this one. */
  folded: readonly Step[];
}

export interface Block {
  step: Step;
  x: number;
  y: number;
  width: number;
  height: number;
  /** The lines of its branches; one that is alone beside the input itself needs none. */
  lanes: Lane[];
  /** Whether one number per map multiplies it. */
  gate: boolean;
}

/** The line of a branch: between which x it runs, and where the layers on it end. */
export interface Lane {
  y: number;
  from: number;
  to: number;
  end: number;
  /** Whether the branch has layers of its own, which stand on the lane. */
  own: boolean;
}

export interface Layout {
  width: number;
  height: number;
  columns: Column[];
  blocks: Block[];
  /** The longer side that a map of the image's size has. */
  side: number;
}

export const HEAD = 66;
/** Between columns; less where the network would not fit the page otherwise. */
const [SPACE, CLOSE] = [18, 14];
const NARROWEST = 72;
/** Of a layer's name. */
const LETTER = 7.6;
/** What says how many layers stand with one. */
const CHIP = 34;
const LANE = 34;
const PAD = 12;
/** The least height of a branch, with the header of its layers. */
const LEAST = 150;
const CLASS_ROW = 22;
/** Of the bars of classes. */
const BARS = 62;
/** Of a class's name: per letter, at least, and at most. */
const [NAME_LETTER, SHORTEST, LONGEST] = [7.2, 36, 104];

interface Room {
  /** The longer side of a map of the image's size, in pixels of the page and of the image. */
  side: number;
  pixels: number;
  classes: readonly string[];
  space: number;
}

/** Lay the network out with the largest maps that still fit the width, or a legible size. */
export function layOut(
  nodes: readonly LayerNode[],
  input: readonly number[],
  classes: readonly string[],
  width: number,
  height: number,
  zoom: number | null,
): Layout {
  const pixels = Math.max(input[1] ?? 1, input[2] ?? 1);
  const place = (side: number, space = SPACE) => placed(nodes, input, width, height, { side, pixels, classes, space });
  if (zoom !== null) return place(zoom);
  for (let side = 72; side >= 26; side -= 2) {
    const laid = place(side);
    if (laid.width <= width) return laid;
  }
  const close = place(26, CLOSE);
  if (close.width <= width) return close;
  // too long for one look: large maps where a layer has few, and scrolling
  const most = Math.max(...nodes.map((node) => (node.step.output.length === 3 ? node.step.output[0]! : 0)));
  return place(most <= 16 ? 52 : 34);
}

function placed(
  nodes: readonly LayerNode[],
  input: readonly number[],
  width: number,
  height: number,
  room: Room,
): Layout {
  const stage = new Stage(room);
  const start = stage.image(imageSize(input, width, height));
  // a last softmax is what the answer beside the network shows
  const shown = nodes.filter((node, i) => i < nodes.length - 1 || node.step.kind !== "softmax");
  const high = Math.max(height, needed(shown));
  const end = stage.sequence(shown, start, 0, height);
  return { width: Math.ceil(end - room.space), height: high, columns: stage.columns, blocks: stage.blocks, side: room.side };
}

/** The height below which branches that stand one above the other would have no room for maps. */
function needed(nodes: readonly LayerNode[]): number {
  return Math.max(0, ...nodes.map((node) => (node.branches ? neededBy(node.branches) : 0)));
}

function neededBy(branches: readonly LayerNode[][]): number {
  const own = branches.filter((branch) => branch.length > 0);
  const rows = own.reduce((sum, branch) => sum + Math.max(LEAST, needed(branch)) + PAD, 0);
  // two rows share what room there is
  return own.length > 2 || own.some((branch) => needed(branch) > 0) ? LANE + rows + (own.length < branches.length ? LANE : 0) : 0;
}

/** The image, as large as there is room beside the network; three planes stand below an RGB one. */
function imageSize(input: readonly number[], width: number, height: number): Size {
  const [channels, rows, columns] = input as [number, number, number];
  const most = height - HEAD - (channels === 3 ? 30 : 0);
  const tall = (rows / columns) * (channels === 3 ? 4 / 3 : 1);
  const wide = Math.min(width < 1000 ? 112 : 176, Math.max(96, most) / tall);
  return proportioned(rows, columns, wide * Math.max(1, rows / columns));
}

/** Columns and blocks as they are placed, from left to right; each step returns where the next begins. */
class Stage {
  readonly columns: Column[] = [];
  readonly blocks: Block[] = [];

  constructor(private readonly room: Room) {}

  image(size: Size): number {
    const width = Math.max(NARROWEST, size.width);
    const place = { step: null, folded: [], x: 0, y: 0, top: HEAD, label: 0 };
    this.columns.push({ ...place, width, tile: size, gap: 6, across: 1, down: 1, form: "image" });
    return width + this.room.space + 8;
  }

  sequence(nodes: readonly LayerNode[], x: number, y: number, height: number): number {
    for (const node of nodes) {
      // where branches need more room than there is, the page scrolls; other layers stay in view
      x = node.branches ? this.join(node, node.branches, x, y, height) : this.one(node, x, y, height);
    }
    return x;
  }

  private one(node: LayerNode, x: number, y: number, height: number): number {
    const { step, folded = [] } = node;
    const column = grid(step, folded.length, height - HEAD, this.room);
    this.columns.push({ ...column, step, folded, x, y, top: y + HEAD });
    return x + column.width + this.room.space;
  }

  /** Branches one above the other, those without layers as one line below them, and where they meet. */
  private join(node: LayerNode, branches: readonly LayerNode[][], x: number, y: number, room: number): number {
    const height = Math.max(room, neededBy(branches));
    const own = branches.filter((branch) => branch.length > 0);
    const passes = own.length < branches.length;
    const top = y + LANE;
    const inner = height - LANE - PAD - (passes ? LANE : 0);
    const rows = heights(own, inner);
    const from = x + PAD;
    const ends: { y: number; end: number }[] = [];
    let at = top;
    own.forEach((branch, i) => {
      ends.push({ y: at + HEAD / 2, end: this.sequence(branch, from, at, rows[i]! - PAD) });
      at += rows[i]!;
    });
    const meeting = Math.max(from, ...ends.map(({ end }) => end));
    const end = this.one(node, meeting, top, Math.min(inner, room - LANE - PAD) - PAD);
    const lanes = (ends.length > 1 ? ends : []).map((one) => ({
      y: one.y,
      from: x,
      to: meeting + 20,
      end: one.end - this.room.space,
      own: true,
    }));
    if (passes) {
      const line = top + inner + LANE / 2 + 4 - PAD;
      lanes.push({ y: line, from: x, to: meeting + 20, end: from - this.room.space, own: false });
    }
    const gate = node.step.kind === "multiply" && own.some((branch) => isGate(branch, node.step));
    this.blocks.push({ step: node.step, x, y, width: end - this.room.space + PAD - x, height, lanes, gate });
    return end + PAD;
  }
}

/** Share a height among branches: a little more than half for the first of two, all alike for more. */
function heights(branches: readonly LayerNode[][], height: number): number[] {
  if (branches.length === 2 && branches.every((branch) => needed(branch) === 0)) {
    const lower = Math.round(height * 0.46);
    return [height - lower, lower];
  }
  const least = branches.map((branch) => Math.max(LEAST, needed(branch)) + PAD);
  const more = (height - least.reduce((sum, one) => sum + one, 0)) / Math.max(1, branches.length);
  return branches.length === 1 ? [height] : least.map((one) => one + Math.max(0, more));
}

/** Whether a branch ends in one number per map, and what it meets has larger maps. */
function isGate(branch: readonly LayerNode[], join: Step): boolean {
  const last = branch.at(-1)!;
  const output = (last.folded?.at(-1) ?? last.step).output;
  return output[1] === 1 && output[2] === 1 && join.output[1]! * join.output[2]! > 1;
}

function grid(
  step: Step,
  folded: number,
  height: number,
  room: Room,
): Omit<Column, "step" | "folded" | "x" | "y" | "top"> {
  const [count, rows, columns] = [step.output[0] ?? 1, step.output[1] ?? 1, step.output[2] ?? 1];
  if (step.output.length === 1 && count === room.classes.length && count * CLASS_ROW <= height) {
    const longest = Math.max(...room.classes.map((name) => name.length));
    const label = Math.round(Math.min(LONGEST, Math.max(SHORTEST, longest * NAME_LETTER + 8)));
    const tile = { width: label + BARS, height: CLASS_ROW };
    return { width: tile.width, tile, gap: 0, across: 1, down: count, form: "classes", label };
  }
  const features = step.output.length === 1 || rows * columns === 1;
  let tile: Size;
  let gap = 4;
  if (features) {
    const [side, between] = count <= 160 ? [13, 2] : count <= 640 ? [8, 1] : count <= 1600 ? [4, 0] : [3, 0];
    tile = { width: side!, height: side! };
    gap = between!;
  } else {
    const share = Math.min(1, Math.max(rows, columns) / room.pixels);
    tile = proportioned(rows, columns, Math.max(18, Math.round(room.side * (0.5 + 0.5 * share))));
  }
  const most = Math.max(1, Math.floor((height + gap) / (tile.height + gap)));
  const across = Math.ceil(count / most);
  const down = Math.ceil(count / across);
  const name = step.name.slice(step.name.lastIndexOf(".") + 1);
  const width = Math.max(NARROWEST, name.length * LETTER + (folded ? CHIP : 0), across * (tile.width + gap) - gap);
  return { width, tile, gap, across, down, form: features ? "features" : "maps", label: 0 };
}

/** The size of a column's grid of maps. */
export function gridSize(column: Column): Size {
  const { tile, gap, across, down } = column;
  return { width: across * (tile.width + gap) - gap, height: down * (tile.height + gap) - gap };
}

/** The rectangle of one map (or feature) on the stage. */
export function tileRect(column: Column, channel: number) {
  const { tile, gap, across } = column;
  const [line, at] = [Math.floor(channel / across), channel % across];
  return { x: column.x + at * (tile.width + gap), y: column.top + line * (tile.height + gap), ...tile };
}

/** Which map, and which cell of it, is at a point of the column's own grid; null between columns. */
export function hit(
  column: Column,
  x: number,
  y: number,
): { channel: number; row: number; column: number } | null {
  const { tile, gap } = column;
  const shape = column.step?.output ?? [1, 1, 1];
  const [count, rows, columns] = [shape[0] ?? 1, shape[1] ?? 1, shape[2] ?? 1];
  const [pitchX, pitchY] = [tile.width + gap, tile.height + gap];
  const [across, down] = [Math.floor(x / pitchX), Math.floor(y / pitchY)];
  if (across < 0 || across >= column.across || down < 0) return null;
  const channel = down * column.across + across;
  if (channel >= count) return null;
  const within = (offset: number, length: number, cells: number) =>
    Math.max(0, Math.min(cells - 1, Math.floor((offset / length) * cells)));
  return {
    channel,
    row: within(y - down * pitchY, tile.height, rows),
    column: within(x - across * pitchX, tile.width, columns),
  };
}
