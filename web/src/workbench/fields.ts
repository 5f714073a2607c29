/** The settings of each kind of layer that the workbench offers, and how they are written. */
import type { Key } from "../i18n";
import type { WrittenKind } from "../kinds/kinds";
import type { WrittenLayer } from "../model/types";

export interface Field {
  key: string;
  /** What an empty field means. */
  usual: string;
  width: number;
  /** Of a switch: whether it is on where nothing is written. */
  on?: boolean;
}

const STRIDE: Field = { key: "stride", usual: "1", width: 38 };
const PADDING: Field = { key: "padding", usual: "0", width: 48 };
const DILATION: Field = { key: "dilation", usual: "1", width: 38 };
const KERNEL: Field = { key: "kernel", usual: "3", width: 38 };
const BIAS: Field = { key: "bias", usual: "", width: 0, on: true };
/** Of pools, whose windows touch where nothing else is said. */
const POOL_STRIDE: Field = { ...STRIDE, usual: "kernel", width: 58 };

/** Every setting that a layer of `convlens.network.layers` has; a test compares them. */
const FIELDS: Partial<Record<WrittenKind, Field[]>> = {
  conv: [
    { key: "conv", usual: "", width: 46 },
    ...[KERNEL, STRIDE, PADDING, DILATION],
    { key: "groups", usual: "1", width: 38 },
    BIAS,
  ],
  depthwise: [{ key: "depthwise", usual: "1", width: 52 }, KERNEL, STRIDE, PADDING, DILATION, BIAS],
  batch_norm: [
    { key: "epsilon", usual: "1e-5", width: 60 },
    { key: "momentum", usual: "0.1", width: 52 },
  ],
  max_pool: [{ key: "max_pool", usual: "", width: 44 }, POOL_STRIDE, PADDING],
  avg_pool: [{ key: "avg_pool", usual: "", width: 44 }, POOL_STRIDE, PADDING],
  linear: [{ key: "linear", usual: "", width: 64 }, BIAS],
  dropout: [{ key: "dropout", usual: "", width: 52 }],
  leaky_relu: [{ key: "leaky_relu", usual: "0.01", width: 56 }],
};

/** What the texts call a field, `field.stride`. */
type Word = Key extends infer K ? (K extends `field.${infer Rest}` ? Rest : never) : never;

/** The word beside a field: a kind's own key carries its main setting. */
const WORDS: Record<string, Word> = {
  conv: "filters",
  depthwise: "multiplier",
  max_pool: "kernel",
  avg_pool: "kernel",
  linear: "features",
  dropout: "rate",
  leaky_relu: "slope",
};

export function fieldsOf(kind: WrittenKind): Field[] {
  return FIELDS[kind] ?? [];
}

export function wordOf(key: string): Word {
  return WORDS[key] ?? (key as Word); // a test holds every field to have its text
}

/** A new layer of a kind, with usual settings. */
export function fresh(kind: WrittenKind): WrittenLayer {
  switch (kind) {
    case "conv":
      return { conv: 16, kernel: 3, padding: 1 };
    case "depthwise":
      return { depthwise: 1, kernel: 3, padding: 1 };
    case "max_pool":
    case "avg_pool":
      return { [kind]: 2 };
    case "linear":
      return { linear: 10 };
    case "dropout":
      return { dropout: 0.2 };
    case "residual":
      return { residual: [{ conv: 16, kernel: 3, padding: 1 }, { relu: true }] };
    default:
      return { [kind]: true };
  }
}

/** A setting as a person writes it: 3, "3, 5", "same". */
export function shown(value: unknown): string {
  if (value === undefined || value === true) return "";
  return Array.isArray(value) ? value.join(", ") : String(value);
}

/** Read what was written; text that is no number is kept, and the server says what is wrong. */
export function read(text: string): unknown {
  const parts = text.replace(/[[\]]/g, "").split(/[,x×\s]+/).filter(Boolean);
  const numbers = parts.map(Number);
  if (!parts.length) return undefined;
  if (numbers.some(Number.isNaN)) return text.trim();
  return numbers.length === 1 ? numbers[0] : numbers;
}

/** Change one setting of a layer; an empty one goes back to what is usual. */
export function changed(layer: WrittenLayer, kind: WrittenKind, key: string, text: string): WrittenLayer {
  const value = read(text);
  const next = { ...layer };
  if (value !== undefined) next[key] = value;
  else if (key === kind) next[key] = true;
  else delete next[key];
  return next;
}

/** Switch a setting of a layer; what is usual is not written. */
export function switched(layer: WrittenLayer, key: string, on: boolean): WrittenLayer {
  const { [key]: _, ...rest } = layer;
  return on ? rest : { ...rest, [key]: false };
}

/** Give a layer a name of its own, or with an empty one its kind and number again. */
export function renamed(layer: WrittenLayer, name: string): WrittenLayer {
  const { name: _, ...rest } = layer;
  return name.trim() ? { ...rest, name: name.trim() } : rest;
}
