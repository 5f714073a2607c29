/** Where the page gets its numbers from: the server, or the published folder and the browser. */
import type { Tensor, Tensors } from "../model/tensor";
import type { DataSet, Kinds, Metrics, Model, ModelSummary, Sample, Shapes, WrittenNetwork, Zoo } from "../model/contract";
import type { Attribution, Method } from "../model/types";
import type { Body } from "./addresses";

/** An image as a person gave it: a file, or the grey pixels `(1, H, W)` of what was drawn. */
export type Picture = { blob: Blob } | { pixels: Uint8Array; height: number; width: number };

/** Everything that one image makes the network compute. */
export interface Activations {
  /** The image as the network gets it, 0 to 255, (C, H, W). */
  image: Tensor;
  /** What was done to the picture on the way, in sentences. */
  notes: string[];
  normalised: Tensor;
  logits: Float32Array;
  probabilities: Float32Array;
  /** By layer; the image that layer `null` stands for is `normalised`. */
  layers: Tensors;
  /** Of the weights that computed all this. */
  version: string;
}

/** All weights and buffers by name, `layer.weight` and so on. */
export interface Weights {
  tensors: Tensors;
  /** Another one whenever they change: a training saves better ones. */
  version: string;
}

export type TrainingRequest = Body<"/v1/trainings">;

export interface Backend {
  readonly published: boolean;
  models(): Promise<ModelSummary[]>;
  model(name: string): Promise<Model>;
  weights(name: string): Promise<Weights>;
  metrics(name: string, after: number): Promise<Metrics>;
  samples(name: string, kind: "test" | "mistakes"): Promise<Sample[]>;
  kernels(name: string, layer: string): Promise<Tensors>;
  activations(model: Model, picture: Picture): Promise<Activations>;
  attribution(model: Model, picture: Picture, method: Method, target: number): Promise<Attribution>;
  /** Absent where nothing can be trained or walked: on a published page. */
  readonly workbench?: Workbench;
}

export interface Workbench {
  zoo(): Promise<Zoo>;
  /** The kinds of layers that a network is written with, and their settings. */
  kinds(): Promise<Kinds["kinds"]>;
  datasets(): Promise<DataSet[]>;
  shapes(network: WrittenNetwork, signal: AbortSignal): Promise<Shapes>;
  train(request: TrainingRequest): Promise<string>;
  stop(run: string): Promise<void>;
}
