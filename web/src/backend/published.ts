/** A published page: what the server would answer lies beside it, and the browser computes. */
import { readSafetensors } from "../model/safetensors";
import { tensor } from "../model/tensor";
import type { Metrics, Site, SiteSamples } from "../model/contract";
import { decode } from "../preprocessing/decode";
import { bring, normalise } from "../preprocessing/preprocess";
import type { Activations, Backend, Picture } from "./backend";
import { known } from "./known";
import { missing } from "./missing";
import { occlusion } from "./occlusion";
import { Runtime } from "./runtime";

async function file(path: string): Promise<Response> {
  const response = await fetch(path);
  if (!response.ok) throw missing(path);
  return response;
}

async function arrays(path: string) {
  return readSafetensors(await (await file(path)).arrayBuffer()).tensors;
}

export function published(site: Site): Backend {
  let runtime: Promise<Runtime> | null = null;
  const loaded = () => (runtime ??= Runtime.load(site));
  let samples: Promise<SiteSamples> | null = null;
  const version = site.weights_version!; // they never change

  const computed = async (picture: Picture): Promise<Activations> => {
    const raster =
      "blob" in picture
        ? await decode(picture.blob)
        : { width: picture.width, height: picture.height, channels: 1 as const, data: picture.pixels };
    const { image, notes } = bring(site.preprocessing!, raster);
    const normalised = normalise(site.preprocessing!, image);
    const outputs = await (await loaded()).all(normalised);
    return { image: tensor([...site.network.input], Float32Array.from(image)), normalised, notes, version, ...outputs };
  };

  return {
    published: true,
    models: async () => [
      {
        name: site.name,
        network: site.network.name,
        input: site.network.input,
        classes: site.classes.length,
        state: site.status.state ?? "finished",
        test_accuracy: site.status.test_accuracy ?? null,
        default: true,
      },
    ],
    model: async () => known(site),
    weights: async () => ({ tensors: await arrays("weights.safetensors"), version }),
    metrics: async () => (await (await file("metrics.json")).json()) as Metrics,
    samples: async (_, kind) => {
      samples ??= file("samples.json").then((response) => response.json() as Promise<SiteSamples>);
      const images = await samples;
      return images[kind === "test" ? "samples" : "mistakes"];
    },
    kernels: async (_, layer) => {
      if (site.kernels.includes(layer)) return arrays(`kernels/${layer}.safetensors`);
      const weight = (await arrays("weights.safetensors")).get(`${layer}.weight`);
      return new Map(weight ? [["weights", weight]] : []);
    },
    activations: (_, picture) => computed(picture),
    async attribution(model, picture, method, target) {
      const { normalised } = await computed(picture);
      const session = await loaded();
      const map = await occlusion(normalised, (images, count) => session.logits(images, count, target));
      const [, height, width] = model.network.input;
      return { method, class: target, map, height, width };
    },
  };
}
