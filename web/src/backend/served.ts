/** The server that this page comes from (`convlens serve`). */
import { readSafetensors, writeBytes } from "../model/safetensors";
import type { Tensor } from "../model/tensor";
import type { Metrics, Model, ModelSummary, Sample, ShapesAnswer } from "../model/types";
import type { Activations, Backend, Picture, TrainingRequest, Zoo } from "./backend";
import { known } from "./known";
import { Problem, problemOf } from "./problem";

const TENSORS = "application/vnd.safetensors";

async function ask(path: string, init?: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (thrown) {
    if (thrown instanceof DOMException && thrown.name === "AbortError") throw thrown;
    throw new Problem("the server does not answer", "convlens serve, running", "start it again, then reload the page", {
      code: "offline",
    });
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function json<T>(path: string, init?: RequestInit): Promise<T> {
  return (await (await ask(path, init)).json()) as T;
}

async function tensors(path: string, init?: RequestInit) {
  const response = await ask(path, { ...init, headers: { ...init?.headers, Accept: TENSORS } });
  return readSafetensors(await response.arrayBuffer());
}

function post(body: unknown, signal?: AbortSignal): RequestInit {
  return {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    ...(signal ? { signal } : {}),
  };
}

function form(picture: Picture, fields: Record<string, string> = {}): RequestInit {
  if ("pixels" in picture) {
    const shape = [1, picture.height, picture.width];
    const body = writeBytes("image", shape, picture.pixels, fields);
    return { method: "POST", headers: { "Content-Type": TENSORS }, body };
  }
  const body = new FormData();
  body.append("image", picture.blob, "image");
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  return { method: "POST", body };
}

const at = (name: string) => `v1/models/${encodeURIComponent(name)}`;

export const served: Backend = {
  published: false,
  models: async () => (await json<{ models: ModelSummary[] }>("v1/models")).models,
  model: async (name) => known(await json<Model>(at(name))),
  weights: async (name) => {
    const file = await tensors(`${at(name)}/weights`);
    return { tensors: file.tensors, version: file.metadata["weights_version"] ?? "" };
  },
  metrics: (name, after) => json<Metrics>(`${at(name)}/metrics?after=${after}`),
  samples: async (name, kind) =>
    (await json<{ samples: Sample[] }>(`${at(name)}/samples?kind=${kind}&count=42`)).samples,
  kernels: async (name, layer) =>
    (await tensors(`${at(name)}/kernels/${encodeURIComponent(layer)}`)).tensors,

  async activations(model, picture): Promise<Activations> {
    const file = await tensors(`${at(model.name)}:activations`, form(picture));
    const need = (name: string): Tensor => {
      const found = file.tensors.get(name);
      if (!found) throw new Problem(`the server's answer has no tensor "${name}"`);
      return found;
    };
    const layers = new Map<string, Tensor>();
    for (const [name, value] of file.tensors) {
      if (name.startsWith("activation/")) layers.set(name.slice("activation/".length), value);
    }
    return {
      image: need("image"),
      normalised: need("normalised"),
      logits: need("logits").data,
      probabilities: need("probabilities").data,
      notes: JSON.parse(file.metadata["notes"] ?? "[]") as string[],
      layers,
      version: file.metadata["weights_version"] ?? "",
    };
  },

  async attribution(model, picture, method, target) {
    const fields = { method, class: String(target) };
    const found = await json<{ method: string; class: number | string; map: number[][] }>(
      `${at(model.name)}:attribution`,
      form(picture, fields),
    );
    return {
      method: found.method,
      class: target,
      map: Float32Array.from(found.map.flat()),
      height: found.map.length,
      width: found.map[0]?.length ?? 0,
    };
  },

  workbench: {
    zoo: () => json<Zoo>("v1/zoo"),
    datasets: async () =>
      (
        await json<{
          datasets: { name: string; input: [number, number, number]; classes: number }[];
        }>("v1/datasets")
      ).datasets,
    shapes: (network, signal) => json<ShapesAnswer>("v1/shapes", post({ network }, signal)),
    train: async (request: TrainingRequest) =>
      (await json<{ run: string }>("v1/trainings", post(request))).run,
    stop: async (run) => {
      await ask(`v1/trainings/${encodeURIComponent(run)}`, { method: "DELETE" });
    },
  },
};
