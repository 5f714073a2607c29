/** The maps of the inspector: which values, on which scale. */
import { t } from "../i18n";
import { asMaps, channel, type Tensor } from "../model/tensor";
import { activations, model, scales } from "../state";

export interface OneMap {
  values: Float32Array;
  height: number;
  width: number;
  scale: number;
}

const PLANES = ["R", "G", "B"];

/** A channel of the image by its colour, where it has colours; else, and of layers, by its number. */
export function channelText(layer: string | null, index: number): string {
  return layer === null && model.value!.network.input[0] === 3 ? PLANES[index]! : String(index);
}

/** What one map of a layer (null: of the image) is called. */
export function mapText(layer: string | null, index: number): string {
  const channels = model.value!.network.input[0];
  if (layer === null && channels === 1) return t("part.pixels");
  if (layer === null && channels === 3) return t("part.plane", { name: channelText(null, index) });
  return t("part.map", { n: index });
}

/** One map of a layer's output (null: of the normalised image). */
export function mapOf(layer: string | null, index: number): OneMap | null {
  const now = activations.value;
  const maps: Tensor | undefined = layer === null ? now?.normalised : now?.layers.get(layer);
  if (!maps) return null;
  const [, height, width] = asMaps(maps.shape);
  return { values: channel(maps, index), height, width, scale: scales.value.get(layer) ?? 1 };
}

