/** What an attribution is called, and what its colours say. */
import { t } from "../i18n";
import { never } from "../kinds/never";
import type { Method } from "../model/types";

export function methodText(method: Method): string {
  return t(`why.${method}`);
}

/** Methods that say nothing against a class have a legend of their own. */
export function legendText(method: Method): string {
  switch (method) {
    case "grad-cam":
      return t("why.legendFor");
    case "saliency":
      return t("why.legendMatters");
    case "integrated-gradients":
    case "occlusion":
      return t("why.legend");
    default:
      return never(method);
  }
}
