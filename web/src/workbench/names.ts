import { kindOf } from "../model/tree";
import type { WrittenLayer } from "../model/types";

/** The names that the layers of one list get: their own, or their kind and number. */
export function namesOf(layers: readonly WrittenLayer[]): string[] {
  const counts = new Map<string, number>();
  return layers.map((layer) => {
    // a kind that the page does not know is named by its own key, as the server names it
    const kind = kindOf(layer) ?? Object.keys(layer).find((key) => key !== "name") ?? "";
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return typeof layer["name"] === "string" ? layer["name"] : `${kind}${counts.get(kind)}`;
  });
}
