/** What a layer is and does, in the reader's language. */
import { t } from "../i18n";
import type { Kind, Step } from "../model/contract";
import { model } from "../state";

export function kindText(row: Step): string {
  return t(`kind.${row.kind}`);
}

/** What it does, in a word or two. */
export function doesText(row: Step): string {
  return t(`does.${roleOf(row)}`);
}

/** What it does, in a sentence. */
export function aboutText(row: Step): string {
  return t(`about.${roleOf(row)}`);
}

/** The name of a class, where a layer has one feature a class and nothing but softmax comes after it. */
export function classOf(row: Step, feature: number): string | null {
  return isOfClasses(row) ? (model.value!.classes[feature] ?? null) : null;
}

function isOfClasses(row: Step): boolean {
  const { layers, classes } = model.value!;
  const last = layers[layers.length - 1];
  const scores = last?.kind === "softmax" ? last.source[0] : last?.name;
  return row.output.length === 1 && row.output[0] === classes.length && [last?.name, scores].includes(row.name);
}

/** A linear layer that ends in the classes has texts of its own. */
function roleOf(row: Step): Kind | "scores" {
  return row.kind === "linear" && isOfClasses(row) ? "scores" : row.kind;
}
