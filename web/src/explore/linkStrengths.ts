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

/** The links of a cell to the maps that it was computed from. */
export function linksOf(step: Step, channel: number, computation: CellComputation): Link[] {
  const source = step.source[0] ?? null;
  switch (computation.family) {
    case "correlation":
      return scaled(source, computation.channelSums, (k) => computation.channels[k]!);
    case "weighted-sum":
      return scaled(source, computation.products, (k) => k);
    case "softmax":
      return scaled(source, computation.logits, (k) => k);
    case "addition":
      return computation.sources.map((layer, i) => ({
        layer,
        channel,
        strength: Math.sign(computation.addends[i]!) || 1,
      }));
    case "multiplication":
      return computation.sources.map((layer, i) => ({
        layer,
        channel: computation.cells[i]![0]!,
        strength: Math.sign(computation.factors[i]!) || 1,
      }));
    case "concatenation":
      return [
        {
          layer: computation.sources[computation.branch] ?? null,
          channel: computation.source[0]!,
          strength: Math.sign(computation.value) || 1,
        },
      ];
    case "pooling":
      return [{ layer: source, channel, strength: Math.sign(computation.total) || 1 }];
    case "pointwise":
    case "flattening":
    case "moving":
      if (!computation.source) return [];
      return [{ layer: source, channel: computation.source[0]!, strength: Math.sign(computation.value) || 1 }];
  }
}

function scaled(layer: string | null, values: Float64Array, channelOf: (index: number) => number): Link[] {
  const { top } = strongest(values, MOST);
  const largest = Math.abs(top[0]?.value ?? 0) || 1;
  return top
    .filter((one) => one.value !== 0)
    .map((one) => ({ layer, channel: channelOf(one.index), strength: one.value / largest }));
}
