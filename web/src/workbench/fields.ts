/** The settings of each kind of layer, which the server lists, and how they are written. */
import { signal } from "@preact/signals";
import type { Kinds, Setting, WrittenKind } from "../model/contract";
import type { WrittenLayer } from "../model/types";

/** The kinds as the server lists them, each with its settings; empty until it did. */
export const offered = signal<Kinds["kinds"]>([]);

export function settingsOf(kind: WrittenKind): readonly Setting[] {
  return offered.value.find((one) => one.kind === kind)?.settings ?? [];
}

/** What stands in an empty field, faintly: what it means. Pools move by their kernel. */
export function usual({ name, default: value }: Setting, ofKernel: string): string {
  return name === "stride" && value === null ? ofKernel : shown(value ?? undefined);
}

/** How wide a field is, in pixels, for what is mostly written in it. */
const WIDTHS: Partial<Record<Setting["name"], number>> = {
  kernel: 44,
  stride: 58,
  dilation: 38,
  groups: 38,
  features: 64,
  epsilon: 72,
};

export function widthOf(setting: Setting): number {
  return WIDTHS[setting.name] ?? 52;
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
    case "adaptive_avg_pool":
      return { adaptive_avg_pool: 7 };
    case "pad":
      return { pad: 1 };
    case "channels":
      return { channels: 8 };
    case "channel_shuffle":
      return { channel_shuffle: 2 };
    case "group_norm":
      return { group_norm: 8 };
    case "local_response_norm":
      return { local_response_norm: 5 };
    case "drop_path":
      return { drop_path: 0.1 };
    case "dropout":
      return { dropout: 0.2 };
    case "residual":
      return { residual: [{ conv: 16, kernel: 3, padding: 1 }, { relu: true }] };
    case "branches":
      return { branches: [[], [{ conv: 16, kernel: 3, padding: 1 }, { relu: true }]], join: "concat" };
    case "repeat":
      return { repeat: 2, layers: [{ conv: 16, kernel: 3, padding: 1 }, { relu: true }] };
    default:
      // the rest needs nothing; what a new kind needs, the server names
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
export function switched(layer: WrittenLayer, { key, default: normally }: Setting, on: boolean): WrittenLayer {
  const { [key]: _, ...rest } = layer;
  return on === normally ? rest : { ...rest, [key]: on };
}

/** Give a layer a name of its own, or with an empty one its kind and number again. */
export function renamed(layer: WrittenLayer, name: string): WrittenLayer {
  const { name: _, ...rest } = layer;
  return name.trim() ? { ...rest, name: name.trim() } : rest;
}
