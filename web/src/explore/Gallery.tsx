/** Images of the run's own data: some of the test set, and what it got most wrong. */
import { useEffect, useState } from "preact/hooks";
import { asProblem, type Problem } from "../backend/problem";
import { percent } from "../draw/numbers";
import { t } from "../i18n";
import type { Sample } from "../model/contract";
import { backend, model } from "../state";
import { offered } from "./Input";
import { titleOf } from "../shell/problemTexts";
import { fromDataUrl } from "./pictures";
import { Guide } from "./Guide";

type Which = "test" | "mistakes";

export function Gallery() {
  const now = model.value!;
  const [which, setWhich] = useState<Which>("test");
  const [samples, setSamples] = useState<Sample[] | null>(null);
  const [refused, setRefused] = useState<Problem | null>(null);
  useEffect(() => {
    let left = false;
    setSamples(null);
    setRefused(null);
    backend.value!
      .samples(now.name, which)
      .then((images) => !left && setSamples(images))
      .catch((thrown) => !left && setRefused(asProblem(thrown)));
    return () => {
      left = true;
    };
  }, [now.name, which]);
  const wide = now.classes.some((name) => name.length > 3);
  return (
    <div class="gallery">
      <section aria-label={t("gallery.label")}>
        <header>
          <div class="segmented" role="group" aria-label={t("gallery.label")}>
            {(["test", "mistakes"] as const).map((kind) => (
              <button key={kind} aria-pressed={which === kind} onClick={() => setWhich(kind)}>
                {t(`gallery.${kind}`)}
              </button>
            ))}
          </div>
          <p class="quiet">{t(which === "test" ? "gallery.testHint" : "gallery.mistakesHint")}</p>
        </header>
        {refused ? (
          <p class="empty">{titleOf(refused)}</p>
        ) : samples?.length === 0 ? (
          <p class="empty">{t("gallery.empty")}</p>
        ) : (
          <ul class={`samples${wide ? " wide" : ""}`} aria-busy={!samples}>
            {(samples ?? Array.from({ length: 28 }, () => null)).map((sample, i) =>
              sample ? (
                <li key={`${which} ${sample.index}`}>
                  <button
                    class="plain"
                    onClick={() => (offered.value = fromDataUrl(sample.image))}
                    title={t("gallery.title", {
                      label: sample.label,
                      predicted: sample.predicted,
                      share: percent(sample.probability),
                    })}
                  >
                    <img src={sample.image} alt="" />
                    <span>{sample.label}</span>
                    {sample.label !== sample.predicted && <span class="wrong">→ {sample.predicted}</span>}
                  </button>
                </li>
              ) : (
                <li key={i} class="ghost" />
              ),
            )}
          </ul>
        )}
      </section>
      <Guide />
    </div>
  );
}
