/** A network that the page cannot compute is refused as a whole: a wrong number would look right. */
import { isKind, isPointwise, KINDS } from "../kinds/kinds";
import { POINTWISE, type Pointwise } from "../kinds/pointwise";
import type { Model, Step } from "../model/contract";
import { Problem } from "./problem";

/** Return a model all of whose layers the page knows; throws the problem of the first that it does not. */
export function known(model: Model): Model {
  for (const step of model.layers) {
    if (!isKind(step.kind)) {
      throw unknown(`layer "${step.name}" is of the kind "${step.kind}", which this page does not know`, KINDS);
    }
    const constants = constantsOf(step);
    const sent = Object.keys(step.constants ?? {});
    if (sent.toSorted().join() !== constants.toSorted().join()) {
      throw unknown(
        `layer "${step.name}" (${step.kind}) comes with the constants [${sent.join(", ")}], ` +
          `and this page computes it with [${constants.join(", ")}]`,
        constants,
      );
    }
  }
  return model;
}

function constantsOf(step: Step): readonly string[] {
  const record: Pointwise | null = isPointwise(step.kind) ? POINTWISE[step.kind] : null;
  return record?.constants ?? [];
}

function unknown(what: string, names: readonly string[]): Problem {
  return new Problem(what, names.join(", "), "reload the page, so that it is as new as its server", {
    code: "unknown_kind",
  });
}
