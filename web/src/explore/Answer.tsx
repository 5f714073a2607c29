/** The answer: the class that wins, how sure the network is, and what speaks for it. */
import { percent, short } from "../draw/numbers";
import { t } from "../i18n";
import { wholeImage } from "../inspector/PixelsView";
import { explain } from "../live";
import { argmax, isFlat } from "../model/tensor";
import type { Step } from "../model/contract";
import type { Method } from "../model/types";
import { activations, attribution, attributionMethod, busy, model, problem, selected } from "../state";
import { legendText, methodText } from "../shell/methodText";
import { bring, choose } from "./choosing";

export function Answer() {
  const [now, of] = [activations.value, model.value!];
  const probabilities = now?.probabilities;
  const order = probabilities
    ? Array.from(probabilities.keys())
        .sort((a, b) => probabilities[b]! - probabilities[a]!)
        .slice(0, 5)
    : [];
  const best = probabilities ? argmax(probabilities) : null;
  const last = of.layers[of.layers.length - 1];
  return (
    <section
      class="answer"
      aria-label={t("answer.label")}
      data-busy={busy.value}
      data-logits={now?.logits.join(",")}
    >
      <h2>{t("answer.title")}</h2>
      {best !== null && probabilities ? (
        <>
          <p class="winner" data-testid="winner" aria-live="polite">
            <Name>{of.classes[best] ?? ""}</Name>
            <span>{percent(probabilities[best]!)}</span>
          </p>
          <ol class={`top${order.some((index) => (of.classes[index] ?? "").length > 5) ? " long" : ""}`}>
            {order.map((index) => (
              <li key={index}>
                <button
                  class="plain"
                  onClick={() => last && (selected.value = { layer: last.name, cell: [index] })}
                  title={t("answer.open")}
                >
                  <span class="name">{of.classes[index]}</span>
                  <span class="bar">
                    <i style={{ width: `${100 * probabilities[index]!}%` }} />
                  </span>
                  <span class="share">{percent(probabilities[index]!)}</span>
                </button>
              </li>
            ))}
          </ol>
          {isFlat(now!.image) ? <p class="quiet blank">{t("answer.blank")}</p> : <Origin best={best} />}
          <Why />
        </>
      ) : problem.value ? null : (
        <p class="quiet">{t("answer.none")}</p>
      )}
    </section>
  );
}

/** The winner's name, as large as it fits on one line. */
function Name({ children: name }: { children: string }) {
  if (name.length <= 2) return <strong>{name}</strong>;
  return (
    <strong class="long" style={{ fontSize: `${Math.max(16, Math.min(30, Math.floor(258 / name.length)))}px` }}>
      {name}
    </strong>
  );
}

/** Where the answer came from: the ways to the sum of its score and to its share. */
function Origin({ best }: { best: number }) {
  const [now, { layers }] = [activations.value!, model.value!];
  const last = layers[layers.length - 1];
  if (last?.kind !== "softmax") return null;
  const scores = layers.find((step) => step.name === last.source[0]);
  return (
    <ul class="origin">
      {scores && (
        <Way step={scores} best={best} how={t("answer.scoreHow")}>
          {t("answer.score", { score: short(now.logits[best]!) })}
        </Way>
      )}
      <Way step={last} best={best} how={t("answer.shareHow")}>
        {t("answer.share", { share: percent(now.probabilities[best]!) })}
      </Way>
    </ul>
  );
}

function Way(props: { step: Step; best: number; how: string; children: string }) {
  return (
    <li>
      <button class="plain" onClick={() => {
          choose(props.step, props.best, 0, 0);
          bring(props.step.kind === "softmax" ? (props.step.source[0] ?? null) : props.step.name);
        }}>
        {props.children} <u>{props.how}</u>
      </button>
    </li>
  );
}

function Why() {
  const methods = model.value!.attributions;
  if (!methods.length) return null;
  const chosen = attributionMethod.value;
  const pick = (method: Method | null) => {
    attributionMethod.value = method;
    attribution.value = null;
    void explain();
  };
  return (
    <fieldset class="why">
      <legend>{t("why.title")}</legend>
      <select
        aria-label={t("why.title")}
        value={chosen ?? ""}
        onChange={(event) => pick(methods.find((method) => method === event.currentTarget.value) ?? null)}
      >
        <option value="">{t("why.none")}</option>
        {methods.map((method) => (
          <option key={method} value={method}>
            {methodText(method)}
          </option>
        ))}
      </select>
      {chosen && (
        <p class="quiet">
          {attribution.value ? legendText(chosen) : t("working")}{" "}
          {attribution.value && (
            <button class="plain" onClick={() => (selected.value = wholeImage(model.value!))}>
              <u>{t("why.large")}</u>
            </button>
          )}
        </p>
      )}
    </fieldset>
  );
}
