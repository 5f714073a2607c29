/** What a branch of a join is called, and the map of it that a cell is in. */
import { t } from "../i18n";
import type { Step } from "../model/contract";
import type { Region } from "../windows/geometry";

/** The branch that ends in the given source of a join. */
export function branchText(step: Step, number: number): string {
  const within = step.source[number]?.startsWith(`${step.name}.`) ? step.source[number]!.slice(step.name.length + 1) : null;
  if (within === null) return t(step.kind === "add" ? "residual.shortcut" : "branch.input");
  if (within.startsWith("shortcut.")) return t("residual.shortcut");
  return within.startsWith("branch") ? t("branch.number", { n: number + 1 }) : t("residual.main");
}

/** One cell as a region of its map. */
export function cellRegion([, y = 0, x = 0]: readonly number[]): Region {
  return { firstRow: y, lastRow: y, firstColumn: x, lastColumn: x };
}
