/** A cell of a convolution: `total = sum(patch * kernel) + bias`. */
import type { Tensor } from "../model/tensor";
import type { Step } from "../model/contract";
import { under } from "./geometry";
import type { Correlation } from "./computation";

export function correlation(
  step: Step,
  cell: readonly number[],
  maps: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
): Correlation {
  const [filter, y, x] = cell as [number, number, number];
  const [rows, columns] = under(step, y, x);
  const [, height, width] = maps.shape as [number, number, number];
  const depth = weight.shape[1]!;
  const taps = rows.length * columns.length;
  const group = Math.floor(filter / (step.output[0]! / (step.groups ?? 1)));
  const channels = Array.from({ length: depth }, (_, k) => group * depth + k);
  const padding = rows.flatMap((r) => columns.map((c) => r < 0 || r >= height || c < 0 || c >= width));
  const patch = new Float64Array(depth * taps);
  const kernel = Float64Array.from(weight.data.subarray(filter * depth * taps, (filter + 1) * depth * taps));
  const products = new Float64Array(depth * taps);
  const channelSums = new Float64Array(depth);
  let total = 0;
  channels.forEach((channel, k) => {
    for (let i = 0; i < taps; i++) {
      if (!padding[i]) {
        const r = rows[Math.floor(i / columns.length)]!;
        const c = columns[i % columns.length]!;
        patch[k * taps + i] = maps.data[(channel * height + r) * width + c]!;
      }
      const product = patch[k * taps + i]! * kernel[k * taps + i]!;
      products[k * taps + i] = product;
      channelSums[k]! += product;
    }
    total += channelSums[k]!;
  });
  const offset = bias ? bias.data[filter]! : null;
  return {
    family: "correlation",
    channels,
    rows,
    columns,
    padding,
    patch,
    kernel,
    products,
    channelSums,
    bias: offset,
    total: total + (offset ?? 0),
  };
}
