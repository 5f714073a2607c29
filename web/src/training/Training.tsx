/** How the run was trained, and how it is going if it still is. */
import { useEffect } from "preact/hooks";
import { asProblem } from "../backend/problem";
import { percent } from "../draw/numbers";
import { t, type Key } from "../i18n";
import type { RunStatus, State } from "../model/contract";
import { ProblemNote } from "../shell/ProblemNote";
import { backend, model, problem } from "../state";
import { Chart } from "./Chart";
import { lossesOf } from "./curves";
import { Filters } from "./Filters";
import { watch, watched } from "./watch";

/** The settings of a recipe that are shown, and what they are called. */
const SETTINGS: Record<string, Key> = {
  epochs: "workbench.epochs",
  batch_size: "workbench.batch",
  optimizer: "recipe.optimizer",
  learning_rate: "workbench.rate",
  schedule: "recipe.schedule",
  weight_decay: "recipe.decay",
  seed: "workbench.seed",
  loss: "recipe.loss",
};

export function Training() {
  const now = model.value!;
  useEffect(() => watch(now.name), [now.name]);
  const run = watched.value;
  if (!run || run.run !== now.name || !run.loaded) {
    return <main class="training">{problem.value ? <ProblemNote problem={problem.value} /> : <p class="empty">{t("working")}</p>}</main>;
  }
  const { events, status } = run;
  const running = status.state === "running";
  const epochs = events.map((event) => event.epoch);
  const most = Math.max(status.epochs ?? 0, epochs[epochs.length - 1] ?? 0, 2);
  const best = events.filter((event) => event.best).at(-1)?.epoch ?? status.best_epoch ?? undefined;
  const losses = lossesOf(events);
  const names = { train: t("training.train"), validation: t("training.validation") };
  return (
    <main class="training">
      {problem.value && <ProblemNote problem={problem.value} />}
      <header class="facts-row">
        <Fact name={t("training.state")} value={stateText(status.state)}>
          <small>{t("training.epochOf", { epoch: epochs[epochs.length - 1] ?? 0, epochs: status.epochs ?? most })}</small>
          {running && (
            <span class="bar">
              <i style={{ width: `${(100 * (epochs[epochs.length - 1] ?? 0)) / most}%` }} />
            </span>
          )}
        </Fact>
        {typeof status.test_accuracy === "number" && (
          <Fact name={t("training.test")} value={percent(status.test_accuracy, 2)} />
        )}
        {typeof status.validation_accuracy === "number" && (
          <Fact name={t("training.validationAccuracy")} value={percent(status.validation_accuracy, 2)} />
        )}
        {best !== undefined && <Fact name={t("training.best")} value={String(best)} />}
        {typeof status.train_seconds === "number" && (
          <Fact name={t("training.time")} value={t("training.seconds", { n: status.train_seconds.toFixed(1) })} />
        )}
        {running && backend.value?.workbench && (
          <button
            onClick={() =>
              void backend.value!.workbench!.stop(now.name).catch((thrown: unknown) => {
                problem.value = asProblem(thrown);
              })
            }
          >
            {t("training.stop")}
          </button>
        )}
      </header>
      <Ended {...status} />
      {events.length === 0 ? (
        <p class="empty">{t(running ? "training.waiting" : "training.none")}</p>
      ) : (
        <div class="charts">
          <Chart
            title={t("training.loss")}
            means={t("training.lossMeans")}
            testid="loss"
            epochs={epochs}
            most={most}
            best={best}
            series={losses.map(({ name, ...rest }) => ({ name: t(name), ...rest }))}
          />
          <Chart
            title={t("training.accuracy")}
            means={t("training.accuracyMeans")}
            testid="accuracy"
            epochs={epochs}
            most={most}
            best={best}
            format={(value) => percent(value, 1)}
            series={[
              { name: names.train, className: "train", values: events.map((event) => event.train_accuracy) },
              {
                name: names.validation,
                className: "validation",
                values: events.map((event) => event.validation_accuracy),
              },
            ]}
          />
          <p class="quiet measured">
            {t("training.measured")}
            {losses.length === 3 && ` ${t("training.losses")}`}
          </p>
        </div>
      )}
      <div class="below">
        <Filters epochs={events.length} />
        <Recipe />
      </div>
    </main>
  );
}

function stateText(state: State | null | undefined): string {
  return t(`state.${state ?? "unknown"}`);
}

/** Why a training ended before its time. */
function Ended({ state, message }: Pick<RunStatus, "state" | "message">) {
  const why = state === "diverged" || state === "failed" ? t(`training.${state}`) : null;
  if (state === "interrupted") {
    return (
      <div class="ended">
        <p>{t("training.interrupted")}</p>
        {message && <p class="quiet" lang="en">{message}</p>}
      </div>
    );
  }
  if (!why) return message && state !== "running" ? <p class="quiet ended" lang="en">{message}</p> : null;
  return (
    <div class="problem">
      <h3>{stateText(state)}</h3>
      <p>{why}</p>
      {message && <p lang="en">{message}</p>}
    </div>
  );
}

function Fact(props: { name: string; value: string; children?: preact.ComponentChildren }) {
  return (
    <div class="fact">
      <span>{props.name}</span>
      <strong>{props.value}</strong>
      {props.children}
    </div>
  );
}

function Recipe() {
  const recipe = model.value!.recipe;
  const shown = Object.entries(SETTINGS).filter(
    ([key]) => recipe[key] !== undefined && typeof recipe[key] !== "object",
  );
  if (!shown.length) return null;
  return (
    <section class="recipe">
      <h3>{t("training.recipe")}</h3>
      <dl>
        {shown.map(([key, name]) => (
          <div key={key}>
            <dt title={key}>{t(name)}</dt>
            <dd>{String(recipe[key])}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
