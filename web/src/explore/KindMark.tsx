/** A small sign for each kind of layer: its shape says what it is, its colour whether it learns. */
import { familyOf, isPointwise } from "../kinds/kinds";
import { POINTWISE, type Pointwise, type PointwiseKind } from "../kinds/pointwise";
import type { Kind } from "../model/contract";

const SHAPES: Record<Exclude<Kind, PointwiseKind> | Pointwise["family"] | "image", string> = {
  image: "M1.5 4h9v10h-9z",
  conv: "M2 1h8v16H2z",
  depthwise: "M2 1h3v16H2zM7 1h3v16H7z",
  max_pool: "M1 1l10 4v8L1 17z",
  avg_pool: "M1 1l10 4v8L1 17z",
  global_max_pool: "M1 1l10 8L1 17z",
  global_avg_pool: "M1 1l10 8L1 17z",
  adaptive_avg_pool: "M1 1l10 6v4L1 17z",
  pad: "M1 3h10v12H1zM3.5 5.5v7h5v-7z",
  channels: "M2 1h3v16H2zM8 1h1v16H8z",
  channel_shuffle: "M1 3h3l4 9h3v3H6.5l-4-9H1zM11 3v3H8.5l-.8 1.8-1.2-2.7L7.4 3zM1 15v-3h2.5l.8-1.8 1.2 2.7-.9 2.1z",
  flatten: "M5 1h2v16H5z",
  linear: "M6 2.5l5 6.5-5 6.5L1 9z",
  softmax: "M1 14h3v3H1zM4.5 9h3v8h-3zM8 3h3v14H8z",
  add: "M5 4h2v4h4v2H7v4H5v-4H1V8h4z",
  concat: "M1 2h10v4H1zM1 7h10v4H1zM1 12h10v4H1z",
  multiply: "M2.4 4L6 7.6 9.6 4 11 5.4 7.4 9l3.6 3.6L9.6 14 6 10.4 2.4 14 1 12.6 4.6 9 1 5.4z",
  normalisation: "M4.5 3h3v12h-3z",
  // the curve of ReLU stands for all activations
  activation: "M1 12.5h5l4-8 1.5.8L7 14.5H1z",
  passing: "M4 4h4v2H4zM4 8h4v2H4zM4 12h4v2H4z",
};

export function KindMark({ kind }: { kind: Kind | "image" }) {
  const shape = kind !== "image" && isPointwise(kind) ? POINTWISE[kind].family : kind;
  const family = kind === "image" ? kind : familyOf(kind);
  return (
    <svg class={`mark-${family}`} viewBox="0 0 12 18" width="12" height="18" aria-hidden="true">
      <path d={SHAPES[shape]} fill="currentColor" />
    </svg>
  );
}
