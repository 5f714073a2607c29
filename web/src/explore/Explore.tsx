/** The first view: an image, the network at work on it, the answer, and the window below. */
import { t } from "../i18n";
import { Inspector } from "../inspector/Inspector";
import { activations, model, problem, selected, view, weights } from "../state";
import { ProblemNote } from "../shell/ProblemNote";
import { Answer } from "./Answer";
import { Gallery } from "./Gallery";
import { Input } from "./Input";
import { Network } from "./Network";

export function Explore() {
  if (!weights.value) {
    return (
      <main class="nothing">
        <p>{t(model.value!.status.state === "running" ? "run.early" : "run.noWeights")}</p>
        <p>
          <button class="primary" onClick={() => (view.value = "training")}>
            {t("views.training")}
          </button>
        </p>
      </main>
    );
  }
  return (
    <main class={`explore${selected.value?.layer === null ? " is-pixels" : ""}`}>
      <Input />
      {problem.value && (
        <div class="trouble">
          <ProblemNote problem={problem.value} onClose={() => (problem.value = null)} />
        </div>
      )}
      <Network />
      <Answer />
      <div class="dock">
        {selected.value && activations.value ? <Inspector /> : <Gallery />}
      </div>
      <p class="visually-hidden" aria-live="polite">
        {activations.value ? "" : t("working")}
      </p>
    </main>
  );
}
