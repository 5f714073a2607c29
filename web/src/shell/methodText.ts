/** What an attribution is called, and what its colours say. */
import { t, type Key } from "../i18n";

const NAMES: Record<string, Key> = {
  "grad-cam": "why.grad-cam",
  "integrated-gradients": "why.integrated-gradients",
  occlusion: "why.occlusion",
  saliency: "why.saliency",
};

/** Methods that say nothing against a class have a legend of their own. */
const LEGENDS: Record<string, Key> = { "grad-cam": "why.legendFor", saliency: "why.legendMatters" };

export function methodText(method: string): string {
  const key = NAMES[method];
  return key ? t(key) : method;
}

export function legendText(method: string): string {
  return t(LEGENDS[method] ?? "why.legend");
}
