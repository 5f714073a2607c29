/** A cell of a pooling layer, global ones included: the largest value or the mean of a patch. */
import type { Tensor } from "../model/tensor";
import type { Step } from "../model/contract";
import { under } from "./geometry";
import type { Pooling } from "./computation";

type PoolingKind = "max_pool" | "avg_pool" | "global_max_pool" | "global_avg_pool" | "adaptive_avg_pool";

/** Cells before and after the rows, and before and after the columns. */
type Margins = NonNullable<Step["counted"]>;

const NONE: Margins = [
  [0, 0],
  [0, 0],
];

export function pooling(step: Step, kind: PoolingKind, cell: readonly number[], maps: Tensor): Pooling {
  const [channel, y, x] = cell as [number, number, number];
  const [rows, columns] = under(step, y, x);
  const [, height, width] = maps.shape as [number, number, number];
  const within = (r: number, c: number, [[top, bottom], [left, right]]: Margins) =>
    r >= -top && r < height + bottom && c >= -left && c < width + right;
  const cells = rows.flatMap((r) => columns.map((c) => [r, c] as const));
  const padding = cells.map(([r, c]) => !within(r, c, step.counted ?? NONE));
  const patch = Float64Array.from(cells, ([r, c], i) => {
    if (padding[i]) return NaN;
    return within(r, c, NONE) ? maps.data[(channel * height + r) * width + c]! : 0;
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
