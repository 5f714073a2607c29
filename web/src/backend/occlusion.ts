/**
 * Which pixels speak for a class, by forward passes alone: how far its logit falls where a window
 * takes the baseline's values, averaged over the windows that cover a pixel.
 *
 * Source: Zeiler and Fergus 2013, arXiv:1311.2901; window and steps as in `convlens.inside`.
 */
import type { Tensor } from "../model/tensor";

const BATCH = 32;

/** Logits of one class for images `(N, C, H, W)`. */
export type LogitOf = (images: Float32Array, count: number) => Promise<Float64Array>;

interface Box {
  top: number;
  left: number;
  bottom: number;
  right: number;
}

/** The windows: a seventh of each side, by steps of half of it; those at the end are cut off. */
export function boxes(height: number, width: number): Box[] {
  const [tall, wide] = [Math.ceil(height / 7), Math.ceil(width / 7)];
  const [down, across] = [Math.max(1, tall >> 1), Math.max(1, wide >> 1)];
  const windows: Box[] = [];
  for (let y = 0; y <= Math.ceil((height - tall) / down); y++) {
    for (let x = 0; x <= Math.ceil((width - wide) / across); x++) {
      const [top, left] = [y * down, x * across];
      windows.push({ top, left, bottom: Math.min(height, top + tall), right: Math.min(width, left + wide) });
    }
  }
  return windows;
}

export async function occlusion(image: Tensor, logitOf: LogitOf): Promise<Float32Array> {
  const [channels, height, width] = image.shape as [number, number, number];
  const [whole] = await logitOf(image.data, 1);
  const windows = boxes(height, width);
  const [sums, counts] = [new Float64Array(height * width), new Float64Array(height * width)];
  for (let start = 0; start < windows.length; start += BATCH) {
    const part = windows.slice(start, start + BATCH);
    const images = new Float32Array(part.length * image.data.length);
    part.forEach((box, i) => {
      const one = images.subarray(i * image.data.length, (i + 1) * image.data.length);
      one.set(image.data);
      for (let c = 0; c < channels; c++) {
        for (let y = box.top; y < box.bottom; y++) {
          const row = (c * height + y) * width;
          one.fill(0, row + box.left, row + box.right);
        }
      }
    });
    const logits = await logitOf(images, part.length);
    part.forEach((box, i) => {
      for (let y = box.top; y < box.bottom; y++) {
        for (let x = box.left; x < box.right; x++) {
          sums[y * width + x]! += whole! - logits[i]!;
          counts[y * width + x]!++;
        }
      }
    });
  }
  return Float32Array.from(sums, (sum, i) => (counts[i] ? sum / counts[i]! : 0));
}
