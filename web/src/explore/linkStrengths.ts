/** Which maps a map is made from, and how strongly: the lines between the columns. */
import type { Step } from "../model/contract";
import { strongest } from "../windows/weightedSum";
import type { CellComputation } from "../windows/computation";

export interface Link {
  layer: string | null;
  channel: number;
  /** Signed share of the strongest link, -1 to 1. */
  strength: number;
}

const MOST = 48;

/** The links of a step's cell to the maps that it was computed from. */
export function linksOf(row: Step, channel: number, step: CellComputation): Link[] {
  const source = row.source[0] ?? null;
  switch (step.family) {
    case "correlation":
      return scaled(source, step.channelSums, (k) => step.channels[k]!);
    case "weighted-sum":
      return scaled(source, step.products, (k) => k);
    case "softmax":
      return scaled(source, step.logits, (k) => k);
    case "addition":
      return step.sources.map((layer, i) => ({
        layer,
        channel,
        strength: Math.sign(step.addends[i]!) || 1,
      }));
    case "pooling":
      return [{ layer: source, channel, strength: Math.sign(step.total) || 1 }];
    case "pointwise":
    case "flattening":
      return [{ layer: source, channel: step.source[0]!, strength: Math.sign(step.value) || 1 }];
  }
}

function scaled(layer: string | null, values: Float64Array, channelOf: (index: number) => number): Link[] {
  const { top } = strongest(values, MOST);
  const largest = Math.abs(top[0]?.value ?? 0) || 1;
  return top
    .filter((one) => one.value !== 0)
    .map((one) => ({ layer, channel: channelOf(one.index), strength: one.value / largest }));
}
