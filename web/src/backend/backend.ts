/** Where the page gets its numbers from: the server, or the published folder and the browser. */
import type { Tensor, Tensors } from "../model/tensor";
import type {
  Attribution,
  Metrics,
  Model,
  ModelSummary,
  Sample,
  ShapesAnswer,
  WrittenNetwork,
} from "../model/types";

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

export interface TrainingRequest {
  network: WrittenNetwork;
  data: string;
  /** Of epochs, batch_size, learning_rate and seed; what is absent the recipe decides. */
  settings: Record<string, number>;
}

export interface Backend {
  readonly published: boolean;
  models(): Promise<ModelSummary[]>;
  model(name: string): Promise<Model>;
  weights(name: string): Promise<Weights>;
  metrics(name: string, after: number): Promise<Metrics>;
  samples(name: string, kind: "test" | "mistakes"): Promise<Sample[]>;
  kernels(name: string, layer: string): Promise<Tensors>;
  activations(model: Model, picture: Picture): Promise<Activations>;
  attribution(model: Model, picture: Picture, method: string, target: number): Promise<Attribution>;
  /** Absent where nothing can be trained or walked: on a published page. */
  readonly workbench?: Workbench;
}

export interface Zoo {
  networks: WrittenNetwork[];
  /** The name of the one to begin with. */
  default: string;
}

export interface Workbench {
  zoo(): Promise<Zoo>;
  datasets(): Promise<{ name: string; input: [number, number, number]; classes: number }[]>;
  shapes(network: WrittenNetwork, signal: AbortSignal): Promise<ShapesAnswer>;
  train(request: TrainingRequest): Promise<string>;
  stop(run: string): Promise<void>;
}
