/** The frame of the page: the run, the views, language and theme. */
import { lazy } from "./lazy";
import { useEffect } from "preact/hooks";
import { Explore } from "../explore/Explore";
import { relist } from "../follow";
import { home, language, setLanguage, t } from "../i18n";
import {
  backend,
  chosenTheme,
  listed,
  model,
  models,
  noRun,
  open,
  problem,
  remember,
  selected,
  theme,
  view,
  type View,
} from "../state";
import { percent } from "../draw/numbers";
import { ProblemNote } from "./ProblemNote";

const Training = lazy(() => import("../training/Training").then((module) => module.Training));
const Workbench = lazy(() => import("../workbench/Workbench").then((module) => module.Workbench));
const Photos = lazy(() => import("../photos/Photos").then((module) => module.Photos));
const VIEWS: View[] = ["explore", "training", "workbench", "photos"];
const WITHOUT_RUN: View[] = ["explore", "workbench", "photos"];

export function App() {
  useEffect(() => {
    const close = (event: KeyboardEvent) => {
      if (event.key === "Escape") selected.value = null;
    };
    document.addEventListener("keydown", close);
    return () => document.removeEventListener("keydown", close);
  }, []);
  return (
    <>
      <Header />
      {view.value === "photos" ? (
        <Photos />
      ) : !model.value ? (
        view.value === "workbench" ? (
          <Workbench />
        ) : (
          <Nothing />
        )
      ) : view.value === "explore" ? (
        <Explore />
      ) : view.value === "training" ? (
        <Training />
      ) : (
        <Workbench />
      )}
    </>
  );
}

function Header() {
  const other = theme.value === "dark" ? "light" : "dark";
  const known = model.value ? VIEWS : listed.value ? WITHOUT_RUN : [];
  // photos are kept and trained on by a server
  const views = known.filter((name) => name !== "photos" || !backend.value?.published);
  return (
    <header class="top-bar">
      <a class="brand" href={home()} aria-label="convlens">
        <img src="./icon.svg" alt="" width="24" height="24" />
        <span>convlens</span>
      </a>
      {model.value && <RunPicker />}
      <nav aria-label={t("views.label")}>
        {views.map((name) => (
          <button
            key={name}
            aria-current={view.value === name ? "page" : undefined}
            onClick={() => (view.value = name)}
          >
            {t(`views.${name}`)}
          </button>
        ))}
      </nav>
      <div class="switches">
        <button
          onClick={() => setLanguage(language.value === "en" ? "zh" : "en")}
          lang={language.value === "en" ? "zh" : "en"}
          data-testid="language"
        >
          {language.value === "en" ? "中文" : "English"}
        </button>
        <button
          aria-label={t(`theme.${other}`)}
          title={t(`theme.${other}`)}
          data-testid="theme"
          onClick={() => {
            chosenTheme.value = other;
            remember("theme", other);
          }}
        >
          <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">
            <circle cx="10" cy="10" r="7.2" fill="none" stroke="currentColor" stroke-width="1.6" />
            <path d="M10 2.8a7.2 7.2 0 0 1 0 14.4z" fill="currentColor" />
          </svg>
        </button>
      </div>
    </header>
  );
}

function RunPicker() {
  const now = model.value!;
  const accuracy = now.status.test_accuracy;
  return (
    <div class="run" onPointerEnter={() => void relist()} onFocusIn={() => void relist()}>
      {models.value.length > 1 ? (
        <select
          aria-label={t("run.choose")}
          value={now.name}
          onChange={(event) => void open(event.currentTarget.value)}
        >
          {models.value.map((one) => (
            <option key={one.name} value={one.name}>
              {one.name}
            </option>
          ))}
        </select>
      ) : (
        <strong>{now.name}</strong>
      )}
      <span class="quiet facts">
        {now.data.name}
        {typeof accuracy === "number" && ` · ${t("run.accuracy", { share: percent(accuracy, 2) })}`}
        {now.status.state === "running" && ` · ${t("state.running")}`}
      </span>
    </div>
  );
}

function Nothing() {
  if (problem.value) {
    return (
      <main class="nothing">
        <ProblemNote problem={problem.value} />
      </main>
    );
  }
  if (noRun.value) {
    return (
      <main class="nothing">
        <h1>{t("run.none")}</h1>
        <p>{t("run.first")}</p>
        <p class="ways-in">
          <button class="primary" onClick={() => (view.value = "photos")}>
            {t("run.photos")}
          </button>
          <button onClick={() => (view.value = "workbench")}>{t("run.build")}</button>
        </p>
        <p>{t("run.terminal")}</p>
        <pre>convlens train</pre>
      </main>
    );
  }
  return (
    <main class="nothing" aria-busy="true">
      <p class="quiet">{t("run.loading")}</p>
      <span class="waiting" aria-hidden="true" />
    </main>
  );
}
