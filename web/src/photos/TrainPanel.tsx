/** Train on the photos: what is missing, how far it is, and what came out, with how far to trust it. */
import { percent } from "../draw/numbers";
import { t } from "../i18n";
import type { Model, PhotoCollection, PhotoTraining } from "../model/contract";
import { ProblemNote } from "../shell/ProblemNote";
import { Problem } from "../backend/problem";
import { view } from "../state";
import { collection, count, stop, train, training, underWay } from "./collecting";
import { service } from "./service";

/** Photos per class that are trained, validated and tested with. */
const FEWEST = 3;
/** Photos per class below which an accuracy means little. */
const FEW = 10;

export function TrainPanel({ run }: { run: Model | null }) {
  const now = collection.value!;
  const goes = training.value;
  const missing = missingOf(now);
  const coming = Array.from(underWay.value.values()).some((n) => n > 0);
  return (
    <section class="panel" aria-labelledby="train-title">
      <h2 id="train-title">{t("photos.train")}</h2>
      <p class="quiet">{t("photos.counts", { photos: count.value, classes: now.classes.length })}</p>
      {goes ? (
        <Progress {...goes} />
      ) : (
        <>
          {missing && <p class="missing">{missing}</p>}
          <button
            class="primary wide"
            data-testid="train-photos"
            disabled={missing !== null || coming}
            onClick={() => void train()}
          >
            {t(run ? "photos.again" : "photos.train")}
          </button>
          {now.failure && (
            <ProblemNote
              problem={new Problem(now.failure.message, now.failure.expected, now.failure.fix, { code: "unexpected" })}
            />
          )}
        </>
      )}
      {run && !goes && <Result run={run} now={now} />}
    </section>
  );
}

/** What has to be done before anything can be trained; null where nothing has. */
function missingOf(now: PhotoCollection): string | null {
  if (now.classes.length < 2) return t("photos.needTwo");
  const lacking = now.classes.find((one) => one.photos.length < FEWEST);
  return lacking ? t("photos.needPhotos", { name: lacking.name, n: FEWEST }) : null;
}

function Progress({ stage, done, total }: PhotoTraining) {
  const share = total ? done / total : null;
  return (
    <div class="progress" role="status">
      <p>{t(`photos.stage.${stage}`, { done, total: total ?? 0, share: percent(share ?? 0) })}</p>
      <span class="bar">
        <i class={share === null ? "is-waiting" : ""} style={{ width: `${100 * (share ?? 0.3)}%` }} />
      </span>
      <button onClick={() => void stop()}>{t("training.stop")}</button>
    </div>
  );
}

function Result({ run, now }: { run: Model; now: PhotoCollection }) {
  const { tested } = run;
  const few = now.classes.filter((one) => one.photos.length < FEW).map((one) => one.name);
  return (
    <div class="result">
      {tested && (
        <>
          <p class="accuracy" data-testid="accuracy">
            <strong>{percent(tested.accuracy, 1)}</strong>{" "}
            {t("photos.right", { right: Math.round(tested.accuracy * tested.images), n: tested.images })}
          </p>
          <p class="quiet">
            {t("photos.interval", { low: percent(tested.interval[0]), high: percent(tested.interval[1]) })}
            {few.length > 0 && ` ${t("photos.few", { names: few.join(", "), n: FEW })}`}
          </p>
          {now.divided.length > 0 && (
            <p class="quiet">{t("photos.divided", { names: now.divided.join(", ") })}</p>
          )}
        </>
      )}
      {now.trained?.current === false && <p class="missing">{t("photos.changed")}</p>}
      <ul class="ways">
        <li>
          <button onClick={() => (view.value = "explore")}>{t("photos.explore")}</button>
        </li>
        <li>
          <button onClick={() => (view.value = "training")}>{t("photos.curves")}</button>
        </li>
        <li>
          <a href={service.report(run.name)} target="_blank" rel="noopener">
            {t("photos.report")}
          </a>
        </li>
        <li>
          <a href={service.onnx(run.name)} download={`${run.name}.onnx`}>
            {t("photos.onnx")}
          </a>
        </li>
      </ul>
      <p class="quiet">
        {t("photos.otherForms")} <code>convlens export {run.name} --to torch</code>
      </p>
    </div>
  );
}
