/** The server that this page comes from (`convlens serve`). */
import { readSafetensors, writeBytes } from "../model/safetensors";
import type { Tensor } from "../model/tensor";
import { address, type AddressOf, type Answer, type Body, type Names, type Query } from "./addresses";
import type { Activations, Backend, Picture } from "./backend";
import { known } from "./known";
import { Problem, problemOf } from "./problem";

const TENSORS = "application/vnd.safetensors";

export async function ask(path: string, init?: RequestInit): Promise<Response> {
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

export async function get<A extends AddressOf<"get">>(
  template: A,
  names: Names<A>,
  query?: Query<A>,
): Promise<Answer<A, "get">> {
  return (await (await ask(address(template, names, query))).json()) as Answer<A, "get">;
}

export async function post<A extends AddressOf<"post">>(
  template: A,
  names: Names<A>,
  init: RequestInit,
): Promise<Answer<A, "post">> {
  return (await (await ask(address(template, names), { method: "POST", ...init })).json()) as Answer<A, "post">;
}

async function tensors(path: string, init?: RequestInit) {
  const response = await ask(path, { ...init, headers: { ...init?.headers, Accept: TENSORS } });
  return readSafetensors(await response.arrayBuffer());
}

export function json<A extends AddressOf<"post">>(body: Body<A>, signal?: AbortSignal): RequestInit {
  return {
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    ...(signal ? { signal } : {}),
  };
}

function form(picture: Picture, fields: Record<string, string> = {}): RequestInit {
  if ("pixels" in picture) {
    const shape = [1, picture.height, picture.width];
    const body = writeBytes("image", shape, picture.pixels, fields);
    return { headers: { "Content-Type": TENSORS }, body };
  }
  const body = new FormData();
  body.append("image", picture.blob, "image");
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  return { body };
}

export const served: Backend = {
  published: false,
  models: async () => (await get("/v1/models", {})).models,
  model: async (name) => known(await get("/v1/models/{name}", { name })),
  weights: async (name) => {
    const file = await tensors(address("/v1/models/{name}/weights", { name }));
    return { tensors: file.tensors, version: file.metadata["weights_version"] ?? "" };
  },
  metrics: (name, after) => get("/v1/models/{name}/metrics", { name }, { after }),
  samples: async (name, kind) => (await get("/v1/models/{name}/samples", { name }, { kind, count: 42 })).samples,
  kernels: async (name, layer) => (await tensors(address("/v1/models/{name}/kernels/{layer}", { name, layer }))).tensors,

  async activations(model, picture): Promise<Activations> {
    const path = address("/v1/models/{name}:activations", { name: model.name });
    const file = await tensors(path, { method: "POST", ...form(picture) });
    const need = (name: string): Tensor => {
      const tensor = file.tensors.get(name);
      if (!tensor) throw new Problem(`the server's answer has no tensor "${name}"`);
      return tensor;
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
    const answer = await post("/v1/models/{name}:attribution", { name: model.name }, form(picture, fields));
    return {
      method: answer.method,
      class: target,
      map: Float32Array.from(answer.map.flat()),
      height: answer.map.length,
      width: answer.map[0]?.length ?? 0,
    };
  },

  workbench: {
    zoo: () => get("/v1/zoo", {}),
    kinds: async () => (await get("/v1/kinds", {})).kinds,
    datasets: async () => (await get("/v1/datasets", {})).datasets,
    shapes: (network, signal) => post("/v1/shapes", {}, json<"/v1/shapes">({ network }, signal)),
    train: async (request) => (await post("/v1/trainings", {}, json<"/v1/trainings">(request))).run,
    stop: async (name) => {
      await ask(address("/v1/trainings/{name}", { name }), { method: "DELETE" });
    },
  },
};
