/** The values that a normalisation within one image sees around a cell, and their moments. */
import type { Among, Moment } from "../kinds/pointwise";
import type { Step } from "../model/contract";
import type { Tensor } from "../model/tensor";

export type Moments = Readonly<Record<Moment, number>>;

/** The values among which a cell stands: of all maps in its place, of its group, of the maps beside it. */
export function valuesAmong(step: Step, among: Among, cell: readonly number[], values: Tensor): Float64Array {
  const [channels, height = 1, width = 1] = step.input as [number, number?, number?];
  const cells = height * width;
  const place = (cell[1] ?? 0) * width + (cell[2] ?? 0);
  const inPlace = (from: number, to: number) =>
    Float64Array.from({ length: to - from }, (_, k) => values.data[(from + k) * cells + place]!);
  switch (among) {
    case "place":
      return inPlace(0, channels);
    case "neighbours": {
      const half = Math.floor((step.constants?.["size"] ?? 1) / 2);
      return inPlace(Math.max(0, cell[0]! - half), Math.min(channels, cell[0]! + half + 1));
    }
    case "group": {
      const size = (channels / (step.groups ?? 1)) * cells;
      const first = Math.floor((cell[0]! * cells) / size) * size;
      return Float64Array.from(values.data.subarray(first, first + size));
    }
  }
}

export function momentsOf(values: Float64Array): Moments {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  return {
    mean,
    variance: values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length,
    squares: values.reduce((sum, x) => sum + x * x, 0),
  };
}
