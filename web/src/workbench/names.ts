import { kindOf } from "../model/tree";
import type { WrittenLayer } from "../model/types";

/** The names that the layers of one list get: their own, or their kind and number. */
export function namesOf(layers: readonly WrittenLayer[]): string[] {
  const counts = new Map<string, number>();
  return layers.map((layer) => {
    // a kind that the page does not know is named by its own key, as the server names it
    const known = kindOf(layer);
    const kind = known === "branches" ? String(layer["join"]) : (known ?? Object.keys(layer).find((key) => key !== "name") ?? "");
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    const gap = /\d$/.test(kind) ? "_" : ""; // relu6_1: relu61 is the 61st ReLU
    return typeof layer["name"] === "string" ? layer["name"] : `${kind}${gap}${counts.get(kind)}`;
  });
}
