/**
 * Layers that make each value from one value: a record for each kind, and all that the page knows
 * of it beside its texts. A new activation is one more record here, and its texts in `i18n`.
 */
import { short } from "../draw/numbers";
import { erf } from "../windows/erf";
import type { Key } from "../i18n";
import type { Kind } from "../model/contract";

/** A line of a layer's formula with its numbers put in, and what it comes to. */
export interface Line {
  /** What the line is for, where there are several. */
  name?: Key;
  text: string;
  value: number;
}

/** What a formula is computed with beside `x`: the layer's constants, and its channel's weights. */
type Numbers<Name extends string = string> = Readonly<Record<Name, number>>;

export interface Pointwise<Name extends string = string> {
  /** An activation bends values, a normalisation scales each channel, the rest passes them on. */
  family: "activation" | "normalisation" | "passing";
  /** Numbers that the layer was written with; the server sends them under these names. */
  constants?: readonly Name[];
  /** The layer's own arrays, with one number per channel. */
  arrays?: readonly Name[];
  value: (x: number, numbers: Numbers<Name>) => number;
  lines: (x: number, numbers: Numbers<Name>) => Line[];
  /** A sentence about what became of x. */
  says?: (x: number) => Key;
  /** Whether everything below zero becomes zero: then the share of the map that was cut is shown. */
  cuts?: boolean;
}

/** Let a record name the numbers that it uses, so that the type checker holds it to them. */
function layer<Name extends string = never>(record: Pointwise<Name>): Pointwise {
  return record as Pointwise<string>; // `numbersOf` gives exactly the numbers that are named
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
/** A sigmoid of three straight lines: 0 up to -3, 1 from 3 on. */
const hardSigmoid = (x: number) => Math.min(Math.max(x + 3, 0), 6) / 6;
/** The distribution function of the standard normal distribution. */
const phi = (x: number) => 0.5 * (1 + erf(x / Math.SQRT2));

/** A line that writes a product of x and a factor: `x × σ(x) = 1.2 × 0.77`. */
const product = (x: number, name: string, factor: number): Line => ({
  text: `x × ${name} = ${short(x)} × ${short(factor)}`,
  value: x * factor,
});

const normalised = (x: number, n: Numbers<"running_mean" | "running_var" | "epsilon">) =>
  (x - n.running_mean) / Math.sqrt(n.running_var + n.epsilon);

export const POINTWISE = {
  batch_norm: layer({
    family: "normalisation",
    constants: ["epsilon"],
    arrays: ["weight", "bias", "running_mean", "running_var"],
    value: (x, n) => normalised(x, n) * n.weight + n.bias,
    lines: (x, n) => {
      const inner = normalised(x, n);
      return [
        {
          name: "norm.centre",
          text: `(${short(x)} − ${short(n.running_mean)}) / √(${short(n.running_var)} + ε)`,
          value: inner,
        },
        {
          name: "norm.scale",
          text: `${short(inner)} × ${short(n.weight)} + ${short(n.bias)}`,
          value: inner * n.weight + n.bias,
        },
      ];
    },
    says: () => "norm.learned",
  }),
  scale: layer({
    family: "normalisation",
    arrays: ["weight"],
    value: (x, n) => x * n.weight,
    lines: (x, n) => [{ text: `${short(x)} × ${short(n.weight)}`, value: x * n.weight }],
    says: () => "scale.learned",
  }),
  relu: layer({
    family: "activation",
    value: (x) => Math.max(x, 0),
    lines: (x) => [{ text: `max(x, 0) = max(${short(x)}, 0)`, value: Math.max(x, 0) }],
    says: (x) => (x < 0 ? "relu.cut" : "relu.kept"),
    cuts: true,
  }),
  relu6: layer({
    family: "activation",
    value: (x) => Math.min(Math.max(x, 0), 6),
    lines: (x) => [{ text: `min(max(${short(x)}, 0), 6)`, value: Math.min(Math.max(x, 0), 6) }],
    says: (x) => (x < 0 ? "relu.cut" : x > 6 ? "relu6.bounded" : "relu.kept"),
    cuts: true,
  }),
  leaky_relu: layer({
    family: "activation",
    constants: ["slope"],
    value: (x, { slope }) => (x > 0 ? x : slope * x),
    lines: (x, { slope }) =>
      x > 0 ? [{ text: "x", value: x }] : [{ text: `${short(slope)} × ${short(x)}`, value: slope * x }],
  }),
  gelu: layer({
    family: "activation",
    value: (x) => x * phi(x),
    lines: (x) => [product(x, "Φ(x)", phi(x))],
  }),
  silu: layer({
    family: "activation",
    value: (x) => x * sigmoid(x),
    lines: (x) => [product(x, "σ(x)", sigmoid(x))],
  }),
  hard_swish: layer({
    family: "activation",
    value: (x) => x * hardSigmoid(x),
    lines: (x) => [product(x, "min(max(x + 3, 0), 6) / 6", hardSigmoid(x))],
  }),
  dropout: layer({
    family: "passing",
    value: (x) => x,
    lines: () => [],
    says: () => "dropout.idle",
  }),
} satisfies Partial<Record<Kind, Pointwise>>;

export type PointwiseKind = keyof typeof POINTWISE;
