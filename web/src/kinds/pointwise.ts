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

/** The mean and the variance of several values, and the sum of their squares. */
export type Moment = "mean" | "variance" | "squares";
export type Among = "place" | "group" | "neighbours";

export interface Pointwise<Name extends string = string, Taken extends Moment = Moment> {
  /** An activation bends values, a normalisation scales each channel, the rest passes them on. */
  family: "activation" | "normalisation" | "passing";
  /** Numbers that the layer was written with; the server sends them under these names. */
  constants?: readonly Name[];
  /** The layer's own arrays, with one number per channel. */
  arrays?: readonly Name[];
  /** What is taken of the values that the cell stands among. */
  moments?: readonly Taken[];
  /** The values that a cell's `moments` are taken over: all maps in its place, its group, its neighbours. */
  among?: Among;
  value: (x: number, numbers: Numbers<Name | Taken>) => number;
  lines: (x: number, numbers: Numbers<Name | Taken>) => Line[];
  /** A sentence about what became of x. */
  says?: (x: number) => Key;
  /** Whether everything below zero becomes zero: then the share of the map that was cut is shown. */
  cuts?: boolean;
}

/** Let a record name the numbers that it uses, so that the type checker holds it to them. */
function layer<Name extends string = never, Taken extends Moment = never>(record: Pointwise<Name, Taken>): Pointwise {
  return record as unknown as Pointwise; // `numbersOf` gives exactly the numbers that are named
}

/** A number as an exponent: in brackets where it has a sign. */
const signed = (x: number) => (x < 0 ? `(${short(x)})` : short(x));

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

/** The lines of a normalisation: to mean 0 and variance 1, then by two learned numbers. */
function standardised(x: number, mean: number, variance: number, n: Numbers<"epsilon" | "weight" | "bias">): Line[] {
  const inner = (x - mean) / Math.sqrt(variance + n.epsilon);
  return [
    { name: "norm.centre", text: `(${short(x)} − ${short(mean)}) / √(${short(variance)} + ε)`, value: inner },
    {
      name: "norm.scale",
      text: `${short(inner)} × ${short(n.weight)} + ${short(n.bias)}`,
      value: inner * n.weight + n.bias,
    },
  ];
}

/** A normalisation by the mean and variance of one image's own values. */
function withinImage(among: Among, says: Key): Pointwise {
  const lines = (x: number, n: Numbers<"mean" | "variance" | "epsilon" | "weight" | "bias">) =>
    standardised(x, n.mean, n.variance, n);
  return layer({
    family: "normalisation",
    constants: ["epsilon"],
    arrays: ["weight", "bias"],
    moments: ["mean", "variance"],
    among,
    value: (x, n) => lines(x, n)[1]!.value,
    lines,
    says: () => says,
  });
}

export const POINTWISE = {
  batch_norm: layer({
    family: "normalisation",
    constants: ["epsilon"],
    arrays: ["weight", "bias", "running_mean", "running_var"],
    value: (x, n) => standardised(x, n.running_mean, n.running_var, n)[1]!.value,
    lines: (x, n) => standardised(x, n.running_mean, n.running_var, n),
    says: () => "norm.learned",
  }),
  layer_norm: withinImage("place", "norm.place"),
  group_norm: withinImage("group", "norm.group"),
  local_response_norm: layer({
    family: "normalisation",
    constants: ["size", "alpha", "beta", "k"],
    moments: ["squares"],
    among: "neighbours",
    value: (x, n) => x / (n.k + (n.alpha * n.squares) / n.size) ** n.beta,
    lines: (x, n) => [
      {
        text: `${short(x)} / (${short(n.k)} + ${short(n.alpha)} × ${short(n.squares)} / ${n.size})^${short(n.beta)}`,
        value: x / (n.k + (n.alpha * n.squares) / n.size) ** n.beta,
      },
    ],
    says: () => "norm.neighbours",
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
  sigmoid: layer({
    family: "activation",
    value: sigmoid,
    lines: (x) => [{ text: `1 / (1 + e^${signed(-x)})`, value: sigmoid(x) }],
  }),
  hard_sigmoid: layer({
    family: "activation",
    value: hardSigmoid,
    lines: (x) => [{ text: `min(max(${short(x)} + 3, 0), 6) / 6`, value: hardSigmoid(x) }],
  }),
  tanh: layer({
    family: "activation",
    value: Math.tanh,
    lines: (x) => [{ text: `tanh(${short(x)})`, value: Math.tanh(x) }],
  }),
  elu: layer({
    family: "activation",
    constants: ["alpha"],
    value: (x, { alpha }) => (x > 0 ? x : alpha * Math.expm1(x)),
    lines: (x, { alpha }) =>
      x > 0
        ? [{ text: "x", value: x }]
        : [{ text: `${short(alpha)} × (e^${signed(x)} − 1)`, value: alpha * Math.expm1(x) }],
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
  drop_path: layer({
    family: "passing",
    value: (x) => x,
    lines: () => [],
    says: () => "dropPath.idle",
  }),
} satisfies Partial<Record<Kind, Pointwise>>;

export type PointwiseKind = keyof typeof POINTWISE;
