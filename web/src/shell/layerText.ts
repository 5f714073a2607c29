/** What a layer is and does, in the reader's language. */
import { t } from "../i18n";
import type { Kind, Step } from "../model/contract";
import { model } from "../state";

export function kindText(step: Step): string {
  return t(`kind.${step.kind}`);
}

/** What it does, in a word or two. */
export function doesText(step: Step): string {
  return t(`does.${roleOf(step)}`);
}

/** What it does, in a sentence. */
export function aboutText(step: Step): string {
  return t(`about.${roleOf(step)}`);
}

/** The name of a class, where a layer has one feature a class and nothing but softmax comes after it. */
export function classOf(step: Step, feature: number): string | null {
  return isOfClasses(step) ? (model.value!.classes[feature] ?? null) : null;
}

function isOfClasses(step: Step): boolean {
  const { layers, classes } = model.value!;
  const last = layers[layers.length - 1];
  const scores = last?.kind === "softmax" ? last.source[0] : last?.name;
  return step.output.length === 1 && step.output[0] === classes.length && [last?.name, scores].includes(step.name);
}

/** A linear layer that ends in the classes has texts of its own. */
function roleOf(step: Step): Kind | "scores" {
  return step.kind === "linear" && isOfClasses(step) ? "scores" : step.kind;
}
