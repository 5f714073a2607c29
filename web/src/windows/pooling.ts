/** A cell of a pooling layer, global ones included: the largest value or the mean of a patch. */
import type { Tensor } from "../model/tensor";
import type { Step } from "../model/contract";
import { positions, slides } from "./geometry";
import type { Pooling } from "./computation";

type PoolingKind = "max_pool" | "avg_pool" | "global_max_pool" | "global_avg_pool";

export function pooling(step: Step, kind: PoolingKind, cell: readonly number[], maps: Tensor): Pooling {
  const [channel, y, x] = cell as [number, number, number];
  const [vertical, horizontal] = slides(step);
  const [rows, columns] = [positions(vertical, y), positions(horizontal, x)];
  const [, height, width] = maps.shape as [number, number, number];
  const padding = rows.flatMap((r) => columns.map((c) => r < 0 || r >= height || c < 0 || c >= width));
  const patch = Float64Array.from(padding, (outside, i) => {
    const r = rows[Math.floor(i / columns.length)]!;
    const c = columns[i % columns.length]!;
    return outside ? NaN : maps.data[(channel * height + r) * width + c]!;
  });
  const counted = padding.filter((outside) => !outside).length;
  const largest = kind === "max_pool" || kind === "global_max_pool";
  let winner: number | null = null;
  let sum = 0;
  patch.forEach((value, i) => {
    if (padding[i]) return;
    sum += value;
    // the first in reading order where several are equal
    if (largest && (winner === null || value > patch[winner]!)) winner = i;
  });
  const total = winner === null ? sum / counted : patch[winner]!;
  return { family: "pooling", largest, rows, columns, padding, patch, winner, counted, total };
}
