/** One output cell with all its numbers: what the inspector shows. */
import type { PointwiseKind } from "../kinds/pointwise";

export interface Correlation {
  family: "correlation";
  /** Channels of the layer's input that the filter sees. */
  channels: number[];
  rows: number[];
  columns: number[];
  /** Of each cell of the window: whether it is padding. */
  padding: boolean[];
  /** `(channels, kernel height, kernel width)`, 0 in the padding. */
  patch: Float64Array;
  kernel: Float64Array;
  products: Float64Array;
  channelSums: Float64Array;
  bias: number | null;
  total: number;
}

export interface Pooling {
  family: "pooling";
  largest: boolean;
  rows: number[];
  columns: number[];
  padding: boolean[];
  /** NaN in the padding, which takes no part; padding that a mean counts is 0, and no `padding`. */
  patch: Float64Array;
  /** Of a max pool: the position in the window that won. */
  winner: number | null;
  /** Cells in the window that take part: what a mean divides by. */
  counted: number;
  total: number;
}

export interface WeightedSum {
  family: "weighted-sum";
  patch: Float64Array;
  kernel: Float64Array;
  products: Float64Array;
  bias: number | null;
  /** The maps that flatten laid out as these features, where they still stand in that order. */
  maps: [number, number, number] | null;
  total: number;
}

export interface Pointwise {
  family: "pointwise";
  kind: PointwiseKind;
  /** The cell of the input that it comes from. */
  source: number[];
  value: number;
  /** What the kind's formula uses beside the value. */
  numbers: Readonly<Record<string, number>>;
  /** How many values a normalisation took its moments over; 0 for all other kinds. */
  among: number;
  total: number;
}

export interface Flattening {
  family: "flattening";
  /** The cell of the input that it is. */
  source: number[];
  value: number;
  total: number;
}

export interface Moving {
  family: "moving";
  /** The cell of the input that it is; null for a zero that was put there. */
  source: number[] | null;
  value: number;
  total: number;
}

export interface Softmax {
  family: "softmax";
  logits: Float64Array;
  largest: number;
  exponentials: Float64Array;
  sum: number;
  total: number;
}

export interface Addition {
  family: "addition";
  addends: number[];
  /** The layers that they come from; null is the image. */
  sources: (string | null)[];
  total: number;
}

export interface Multiplication {
  family: "multiplication";
  factors: number[];
  sources: (string | null)[];
  /** Where each factor stands in its layer: the same cell, or the only one of its map. */
  cells: number[][];
  total: number;
}

export interface Concatenation {
  family: "concatenation";
  /** Which of the branches the cell comes from. */
  branch: number;
  sources: (string | null)[];
  /** How many maps, or features, each branch has. */
  counts: number[];
  /** The cell of the branch's last layer. */
  source: number[];
  value: number;
  total: number;
}

export type CellComputation =
  | Correlation
  | Pooling
  | WeightedSum
  | Pointwise
  | Flattening
  | Moving
  | Softmax
  | Addition
  | Multiplication
  | Concatenation;
