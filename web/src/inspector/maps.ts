/** The maps of the inspector: which values, on which scale. */
import { asMaps, channel, type Tensor } from "../model/tensor";
import { activations, scales } from "../state";

export interface OneMap {
  values: Float32Array;
  height: number;
  width: number;
  scale: number;
}

/** One map of a layer's output (null: of the normalised image). */
export function mapOf(layer: string | null, index: number): OneMap | null {
  const now = activations.value;
  const found: Tensor | undefined = layer === null ? now?.normalised : now?.layers.get(layer);
  if (!found) return null;
  const [, height, width] = asMaps(found.shape);
  return { values: channel(found, index), height, width, scale: scales.value.get(layer) ?? 1 };
}

