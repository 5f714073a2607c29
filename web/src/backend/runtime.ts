/** The model in the browser: onnxruntime-web from the folder beside the page. */
import type * as Ort from "onnxruntime-web";
import { missing } from "./missing";
import { softmax, type Tensor, type Tensors } from "../model/tensor";
import { familyOf } from "../kinds/kinds";
import type { Model, Step } from "../model/contract";

export class Runtime {
  private constructor(
    private readonly ort: typeof Ort,
    private readonly session: Ort.InferenceSession,
    private readonly model: Model,
  ) {}

  static async load(model: Model): Promise<Runtime> {
    const at = new URL("ort/", document.baseURI).href;
    const ort = (await import(/* @vite-ignore */ `${at}ort.wasm.bundle.min.mjs`)) as typeof Ort;
    // the bundle holds its own loader: only the wasm is fetched
    ort.env.wasm.wasmPaths = { wasm: `${at}ort-wasm-simd-threaded.wasm` };
    ort.env.wasm.numThreads = 1;
    const response = await fetch("model.onnx");
    if (!response.ok) throw missing("model.onnx");
    const file = await response.arrayBuffer();
    const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
    return new Runtime(ort, session, model);
  }

  /** Every layer's output for one normalised image, with logits and probabilities. */
  async all(image: Tensor): Promise<{ layers: Tensors; logits: Float32Array; probabilities: Float32Array }> {
    const outputs = await this.run(image.data, 1);
    const layers: Tensors = new Map();
    const logits = outputs["logits"]!.data as Float32Array;
    const probabilities = Float32Array.from(softmax(logits));
    const end = endOf(this.model.layers);
    for (const step of this.model.layers) {
      // the end of the network goes by what it is, all else by its layer's name
      const named = outputs[step.name]?.data as Float32Array | undefined;
      const last = step.kind === "softmax" ? probabilities : end.has(step.name) ? logits : undefined;
      const data = named ?? last ?? (passesOn(step) ? layers.get(step.source[0] ?? "")?.data : undefined);
      if (!data) throw new Error(`model.onnx gives no output of "${step.name}"`);
      layers.set(step.name, { shape: step.output, data });
    }
    return { layers, logits, probabilities };
  }

  /** Logits of one class for some images. */
  async logits(images: Float32Array, count: number, target: number): Promise<Float64Array> {
    const { logits } = await this.run(images, count, ["logits"]);
    const data = logits!.data as Float32Array;
    const classes = data.length / count;
    return Float64Array.from({ length: count }, (_, i) => data[i * classes + target]!);
  }

  private run(data: Float32Array, count: number, outputs?: string[]) {
    const name = this.session.inputNames[0]!;
    const feeds = { [name]: new this.ort.Tensor("float32", data, [count, ...this.model.network.input]) };
    return outputs ? this.session.run(feeds, outputs) : this.session.run(feeds);
  }
}

/** Whether a layer hands its values on as they are. */
function passesOn(step: Step): boolean {
  const family = familyOf(step.kind);
  return family === "passing" || family === "flattening";
}

/** The layers whose output is the logits: the last one before softmax, and what it only hands on. */
function endOf(steps: readonly Step[]): Set<string> {
  const end = new Set<string>();
  let step = steps.findLast((one) => one.kind !== "softmax");
  while (step) {
    end.add(step.name);
    const source: string | null | undefined = passesOn(step) ? step.source[0] : null;
    step = steps.find((one) => one.name === source);
  }
  return end;
}
