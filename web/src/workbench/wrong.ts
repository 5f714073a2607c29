/** Which layers of a list are wrong, and which hold wrong ones. */
import type { Problem } from "../backend/problem";

/** Where a layer stands: `[3, "residual", 1]` is the second one of the block that is the fourth. */
export type Place = readonly (number | string)[];

/** Where the layers stand that a problem is about; a mistake of one setting is its layer's. */
export function placesOf({ at, mistakes }: Pick<Problem, "at" | "mistakes">): Place[] {
  const places = mistakes.map((mistake) => (mistake.at[0] === "layers" ? mistake.at.slice(1) : []));
  const layers = [at, ...places].map((place) => place.slice(0, place.findLastIndex((part) => typeof part === "number") + 1));
  return layers.filter((place) => place.length > 0);
}

/** The class of a layer of a list: wrong itself, around a wrong one, or neither. */
export function markOf(wrong: readonly Place[], index: number): "" | "is-wrong" | "holds-wrong" {
  const here = wrong.filter((place) => place[0] === index);
  if (!here.length) return "";
  return here.some((place) => place.length === 1) ? "is-wrong" : "holds-wrong";
}

/** Where the wrong layers stand within a list that a block holds under some keys. */
export function inside(wrong: readonly Place[], index: number, ...keys: readonly (string | number)[]): Place[] {
  const path = [index, ...keys];
  return wrong.filter((place) => path.every((key, i) => place[i] === key)).map((place) => place.slice(path.length));
}
