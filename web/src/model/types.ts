/** What the server says about models, layers and runs, in its own spelling. */
import type { RowKind } from "../kinds/kinds";

/** `(channels, height, width)` of a stack of maps, or `(features,)`. */
export type Shape = number[];

/** `[kernel, stride, before, after, dilation]` along one axis. */
export type Slide = [number, number, number, number, number];

export interface LayerRow {
  name: string;
  kind: RowKind;
  settings: string;
  depth: number;
  input: Shape;
  output: Shape;
  parameters: number;
  multiply_adds: number;
  /** Per axis (rows, columns): pixels seen, pixels between neighbours, first pixel of cell 0. */
  receptive_field: [number, number];
  jump: [number, number];
  offset: [number, number];
  /** The layers it reads; null is the image. */
  source: (string | null)[];
  /** Of convolutions and pools: how the window slides along rows and columns. */
  window?: [Slide, Slide];
  groups?: number;
  /** Numbers that the layer was written with and is computed with: a slope, an epsilon. */
  constants?: Record<string, number>;
}

/** One layer as it is written in a network: `{ conv: 32, kernel: 3 }`. */
export type WrittenLayer = Record<string, unknown>;

export interface WrittenNetwork {
  name: string;
  about?: string;
  input: [number, number, number];
  classes?: number;
  rounding?: "strict" | "floor";
  layers: WrittenLayer[];
}

export interface PreprocessingRecord {
  input: [number, number, number];
  mean: number[];
  std: number[];
  framing: "none" | "mnist";
  background: "dark" | "light" | "mixed";
  fit: "crop" | "pad" | "stretch" | "exact";
}

export interface ModelSummary {
  name: string;
  network: string;
  input: [number, number, number];
  classes: number;
  state: string;
  test_accuracy: number | null;
  default: boolean;
}

export interface RunStatus {
  state?: string;
  epoch?: number;
  epochs?: number;
  best_epoch?: number;
  data?: string;
  engine?: string;
  train_seconds?: number;
  validation_accuracy?: number | null;
  test_accuracy?: number | null;
  test_loss?: number | null;
  message?: string;
}

export interface Model {
  name: string;
  network: WrittenNetwork;
  layers: LayerRow[];
  classes: string[];
  /** null until a training that just began has read its data. */
  preprocessing: PreprocessingRecord | null;
  data: { name: string };
  recipe: Record<string, unknown>;
  status: RunStatus;
  parameters: number;
  multiply_adds: number;
  has_samples: boolean;
  /** false until a training has saved an epoch. */
  has_weights: boolean;
  /** Another one whenever the weights change; null where there are none. */
  weights_version: string | null;
  attributions: string[];
}

export interface Sample {
  index: number;
  /** data: URL of a PNG. */
  image: string;
  label: string;
  predicted: string;
  probability: number;
}

export interface EpochEvent {
  epoch: number;
  train_loss: number;
  train_accuracy: number | null;
  /** The loss that is trained, label smoothing included. */
  validation_loss: number | null;
  /** The same without label smoothing; runs from before have none. */
  validation_cross_entropy?: number | null;
  validation_accuracy: number | null;
  best?: boolean;
}

export interface Metrics {
  events: EpochEvent[];
  next: number;
  status: RunStatus;
}

export interface Attribution {
  method: string;
  class: number;
  /** (H, W), row by row. */
  map: Float32Array;
  height: number;
  width: number;
}

/** One mistake of a network, as the command line says it. */
export interface Mistake {
  /** Keys and indices that lead to it: `["layers", 3, "residual", 1, "kernel"]`. */
  at: readonly (number | string)[];
  what: string;
  expected: string;
  fix: string;
}

export interface ShapesAnswer {
  layers: LayerRow[];
  parameters: number;
  multiply_adds: number;
}
