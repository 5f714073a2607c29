import { kindOf } from "../model/tree";
import type { WrittenLayer } from "../model/types";

/** The names that the layers of one list get: their own, or their kind and number. */
export function namesOf(layers: readonly WrittenLayer[]): string[] {
  const counts = new Map<string, number>();
  return layers.map((layer) => {
    const kind = kindOf(layer);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return typeof layer["name"] === "string" ? layer["name"] : `${kind}${counts.get(kind)}`;
  });
}
