/**
 * The kinds of layers, and the family that each belongs to.
 *
 * What treats all kinds of a family alike asks for the family; what treats each kind in its own way
 * has a `switch` that ends in `never`. A kind that is not here is refused (see `backend/known.ts`)
 * and not drawn as another one.
 */
import type { Kind, WrittenKind } from "../model/contract";
import { never } from "./never";
import { POINTWISE, type Pointwise, type PointwiseKind } from "./pointwise";

/** What a layer's cells are: the sum of a window, a pooled window, a sum of all, one value, ... */
export type Family =
  | Pointwise["family"]
  | "correlation"
  | "pooling"
  | "weighted-sum"
  | "flattening"
  | "moving"
  | "softmax"
  | "addition"
  | "concatenation"
  | "multiplication";

const OTHERS = {
  conv: "correlation",
  depthwise: "correlation",
  max_pool: "pooling",
  avg_pool: "pooling",
  global_max_pool: "pooling",
  global_avg_pool: "pooling",
  adaptive_avg_pool: "pooling",
  pad: "moving",
  channels: "moving",
  channel_shuffle: "moving",
  flatten: "flattening",
  linear: "weighted-sum",
  softmax: "softmax",
  add: "addition",
  concat: "concatenation",
  multiply: "multiplication",
} as const satisfies Record<Exclude<Kind, PointwiseKind>, Family>;

const keys = Object.keys as <K extends string>(of: Record<K, unknown>) => K[];

export const KINDS: readonly Kind[] = [...keys(OTHERS), ...keys(POINTWISE)];

/** The kinds that read several branches. */
export const JOINS = ["add", "concat", "multiply"] as const satisfies readonly Kind[];

export type Join = (typeof JOINS)[number];

export function isJoin(kind: Kind): kind is Join {
  return (JOINS as readonly Kind[]).includes(kind);
}

/** The forms of writing that hold layers of their own: these and a join are what is computed. */
const COMPOUNDS = ["residual", "branches", "repeat"] as const satisfies readonly WrittenKind[];

export type Compound = (typeof COMPOUNDS)[number];

export function isCompound(kind: WrittenKind): kind is Compound {
  return (COMPOUNDS as readonly WrittenKind[]).includes(kind);
}

/** The kinds that a network is written with. */
export const WRITTEN_KINDS: readonly WrittenKind[] = [
  ...KINDS.filter((kind): kind is Exclude<Kind, Join> => !isJoin(kind)),
  ...COMPOUNDS,
];

export function isKind(name: string): name is Kind {
  return (KINDS as readonly string[]).includes(name);
}

export function isPointwise(kind: Kind): kind is PointwiseKind {
  return Object.hasOwn(POINTWISE, kind);
}

export function familyOf(kind: Kind): Family {
  return isPointwise(kind) ? POINTWISE[kind].family : OTHERS[kind];
}

/** What one cell reads of the layer before it: one cell of each channel, a window, or all of it. */
export function readsOf(kind: Kind): "cell" | "window" | "all" {
  const family = familyOf(kind);
  switch (family) {
    case "correlation":
    case "pooling":
      return "window";
    case "weighted-sum":
    case "softmax":
      return "all";
    case "activation":
    case "normalisation":
    case "passing":
    case "flattening":
    case "moving":
    case "addition":
    case "concatenation":
    case "multiplication":
      return "cell";
    default:
      return never(family);
  }
}
