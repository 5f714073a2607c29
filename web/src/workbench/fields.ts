/** The settings of each kind of layer that the workbench offers, and how they are written. */
import type { Kind } from "../model/tree";
import type { WrittenLayer } from "../model/types";

export interface Field {
  key: string;
  /** What an empty field means. */
  usual: string;
  width: number;
}

const sliding: Field[] = [
  { key: "stride", usual: "1", width: 44 },
  { key: "padding", usual: "0", width: 60 },
];

const FIELDS: Partial<Record<Kind, Field[]>> = {
  conv: [
    { key: "conv", usual: "", width: 52 },
    { key: "kernel", usual: "3", width: 44 },
    ...sliding,
    { key: "groups", usual: "1", width: 44 },
  ],
  depthwise: [
    { key: "depthwise", usual: "1", width: 52 },
    { key: "kernel", usual: "3", width: 44 },
    ...sliding,
  ],
  max_pool: [
    { key: "max_pool", usual: "", width: 44 },
    { key: "stride", usual: "kernel", width: 58 },
    { key: "padding", usual: "0", width: 60 },
  ],
  avg_pool: [
    { key: "avg_pool", usual: "", width: 44 },
    { key: "stride", usual: "kernel", width: 58 },
    { key: "padding", usual: "0", width: 60 },
  ],
  linear: [{ key: "linear", usual: "", width: 64 }],
  dropout: [{ key: "dropout", usual: "", width: 52 }],
  leaky_relu: [{ key: "leaky_relu", usual: "0.01", width: 56 }],
};

/** The word beside a field: a kind's own key carries its main setting. */
const WORDS: Record<string, string> = {
  conv: "filters",
  depthwise: "multiplier",
  max_pool: "kernel",
  avg_pool: "kernel",
  linear: "features",
  dropout: "rate",
  leaky_relu: "slope",
};

export function fieldsOf(kind: Kind): Field[] {
  return FIELDS[kind] ?? [];
}

export function wordOf(key: string): string {
  return WORDS[key] ?? key;
}

/** A new layer of a kind, with usual settings. */
export function fresh(kind: Kind): WrittenLayer {
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
export function changed(layer: WrittenLayer, kind: Kind, key: string, text: string): WrittenLayer {
  const value = read(text);
  const next = { ...layer };
  if (value !== undefined) next[key] = value;
  else if (key === kind) next[key] = true;
  else delete next[key];
  return next;
}
