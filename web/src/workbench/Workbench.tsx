/** The shape workbench: edit a network, see at once what fits, train it. */
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Workbench as Source } from "../backend/backend";
import { asProblem, type Problem } from "../backend/problem";
import { grouped } from "../draw/numbers";
import { t } from "../i18n";
import type { Shapes, WrittenNetwork, Zoo } from "../model/contract";
import { ProblemNote } from "../shell/ProblemNote";
import { backend, model } from "../state";
import { offered } from "./fields";
import { LayerList } from "./LayerList";
import { Start } from "./Start";
import { placesOf } from "./wrong";

const PAUSE = 160;

export function Workbench() {
  const bench = backend.value!.workbench;
  const [zoo, setZoo] = useState<Zoo>({ networks: [], default: "" });
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => {
    if (!bench) return;
    void Promise.all([bench.zoo(), bench.kinds()])
      .then(([networks, kinds]) => {
        setZoo(networks);
        offered.value = kinds;
      })
      .catch((thrown: unknown) => setProblem(asProblem(thrown)));
  }, []);
  if (!bench) return <Elsewhere />;
  // where there is no run yet, a network to begin with
  const first = model.value?.network ?? zoo.networks.find((one) => one.name === zoo.default);
  if (first) return <Bench bench={bench} zoo={zoo.networks} first={first} />;
  return (
    <main class="workbench">
      {problem ? <ProblemNote problem={problem} /> : <p class="empty">{t("working")}</p>}
    </main>
  );
}

/** A published page has no workbench. */
function Elsewhere() {
  return (
    <main class="nothing">
      <h1>{t("workbench.title")}</h1>
      <p>{t("workbench.published")}</p>
      <pre>{'pip install "convlens[serve]"\nconvlens serve'}</pre>
    </main>
  );
}

function Bench({ bench, zoo, first }: { bench: Source; zoo: WrittenNetwork[]; first: WrittenNetwork }) {
  const own = model.value?.network;
  const [network, setNetwork] = useState<WrittenNetwork>(first);
  const [answer, setAnswer] = useState<Shapes | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);

  useEffect(() => {
    const control = new AbortController();
    const timer = setTimeout(() => {
      bench
        .shapes(network, control.signal)
        .then((shapes) => {
          setAnswer(shapes);
          setProblem(null);
        })
        .catch((thrown: unknown) => {
          if (control.signal.aborted) return;
          setProblem(asProblem(thrown));
        });
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [network]);

  const steps = useMemo(
    () => new Map((problem ? problem.table : (answer?.layers ?? [])).map((step) => [step.name, step])),
    [answer, problem],
  );
  const side = (axis: 0 | 1 | 2, text: string) => {
    const input = [...network.input] as [number, number, number];
    input[axis] = Math.max(1, Math.round(Number(text)) || 1);
    setNetwork({ ...network, input });
  };
  return (
    <main class="workbench">
      <div class="bench">
        <header>
          <h1>{t("workbench.title")}</h1>
          <p class="quiet">{t("workbench.hint")}</p>
        </header>
        <div class="given">
          <label>
            <span>{t("workbench.start")}</span>
            <select
              onChange={(event) => {
                const name = event.currentTarget.value;
                setNetwork(zoo.find((one) => one.name === name) ?? own ?? first);
              }}
            >
              {own && <option value="">{t("workbench.thisRun")}</option>}
              {zoo.map((one) => (
                <option key={one.name} value={one.name} selected={!own && one.name === first.name}>
                  {one.name}
                </option>
              ))}
            </select>
          </label>
          {(["channels", "height", "width"] as const).map((name, axis) => (
            <label key={name}>
              <span>{t(`workbench.${name}`)}</span>
              <input
                type="number"
                min={1}
                value={network.input[axis as 0 | 1 | 2]}
                onInput={(event) => side(axis as 0 | 1 | 2, event.currentTarget.value)}
              />
            </label>
          ))}
          <label class="check">
            <input
              type="checkbox"
              checked={network.rounding === "floor"}
              onChange={(event) => {
                const { rounding: _, ...rest } = network;
                setNetwork(event.currentTarget.checked ? { ...rest, rounding: "floor" } : rest);
              }}
            />
            <span>{t("workbench.floor")}</span>
          </label>
        </div>
        <div class="row head" aria-hidden="true">
          <span>{t("workbench.layer")}</span>
          <span />
          <span>{t("workbench.output")}</span>
          <span>{t("workbench.parameters")}</span>
          <span class="adds">{t("workbench.adds")}</span>
        </div>
        <LayerList
          layers={network.layers}
          steps={steps}
          prefix=""
          wrong={problem ? placesOf(problem) : []}
          onChange={(layers) => setNetwork({ ...network, layers })}
        />
      </div>
      <aside class="verdict">
        <div class="word" aria-live="polite" data-testid="verdict">
          {problem ? (
            <ProblemNote problem={problem} />
          ) : answer ? (
            <>
              <p class="fits">{t("workbench.fits")}</p>
              <dl class="totals">
                <div>
                  <dt>{t("workbench.parameters")}</dt>
                  <dd>{grouped(answer.parameters)}</dd>
                </div>
                <div>
                  <dt>{t("workbench.adds")}</dt>
                  <dd>{grouped(answer.multiply_adds)}</dd>
                </div>
              </dl>
            </>
          ) : (
            <p class="quiet">{t("working")}</p>
          )}
        </div>
        <Start network={network} fits={problem === null && answer !== null} />
      </aside>
    </main>
  );
}
