/** Start a training of the network on the bench, and go and watch it. */
import { useEffect, useState } from "preact/hooks";
import type { TrainingRequest } from "../backend/backend";
import { asProblem, type Problem } from "../backend/problem";
import { shapeText } from "../draw/numbers";
import { t, type Key } from "../i18n";
import type { DataSet, WrittenNetwork } from "../model/contract";
import { ProblemNote } from "../shell/ProblemNote";
import { backend, models, open, view } from "../state";

const SETTINGS: { key: keyof NonNullable<TrainingRequest["settings"]>; label: Key; value: string }[] = [
  { key: "epochs", label: "workbench.epochs", value: "6" },
  { key: "batch_size", label: "workbench.batch", value: "" },
  { key: "learning_rate", label: "workbench.rate", value: "" },
  { key: "seed", label: "workbench.seed", value: "0" },
];

export function Start({ network, fits }: { network: WrittenNetwork; fits: boolean }) {
  const bench = backend.value!.workbench!;
  const [sets, setSets] = useState<DataSet[] | null>(null);
  const [data, setData] = useState("");
  const [settings, setSettings] = useState(() => Object.fromEntries(SETTINGS.map((one) => [one.key, one.value])));
  const [refused, setRefused] = useState<Problem | null>(null);
  const [starting, setStarting] = useState(false);
  useEffect(() => {
    bench
      .datasets()
      .then((datasets) => {
        setSets(datasets);
        setData(datasets[0]?.name ?? "");
      })
      .catch((thrown) => setRefused(asProblem(thrown)));
  }, []);
  const start = async () => {
    setStarting(true);
    setRefused(null);
    try {
      const filled = Object.entries(settings).filter(([, text]) => text.trim() !== "");
      const run = await bench.train({
        network,
        data,
        settings: Object.fromEntries(filled.map(([key, text]) => [key, Number(text)])),
      });
      models.value = await backend.value!.models();
      view.value = "training";
      await open(run);
    } catch (thrown) {
      setRefused(asProblem(thrown));
    }
    setStarting(false);
  };
  const chosen = sets?.find((one) => one.name === data);
  return (
    <form
      class="start"
      onSubmit={(event) => {
        event.preventDefault();
        void start();
      }}
    >
      <h2>{t("workbench.train")}</h2>
      {sets?.length === 0 ? (
        <p class="quiet">{t("workbench.noData")}</p>
      ) : (
        <>
          <label class="whole">
            <span>{t("workbench.data")}</span>
            <select value={data} onChange={(event) => setData(event.currentTarget.value)}>
              {(sets ?? []).map((one) => (
                <option key={one.name} value={one.name}>
                  {one.name} · {shapeText(one.input)} · {t("workbench.classes", { n: one.classes })}
                </option>
              ))}
            </select>
          </label>
          {chosen && !takes(network, chosen) && (
            <p class="quiet whole">
              {t("workbench.adapted", { input: shapeText(chosen.input), classes: chosen.classes })}
            </p>
          )}
          {SETTINGS.map((one) => (
            <label key={one.key}>
              <span>{t(one.label)}</span>
              <input
                type="text"
                inputMode="decimal"
                value={settings[one.key]}
                placeholder={t("workbench.default")}
                onInput={(event) => setSettings({ ...settings, [one.key]: event.currentTarget.value })}
              />
            </label>
          ))}
          <button class="primary" disabled={!fits || starting || !data} data-testid="train">
            {starting ? t("working") : t("workbench.train")}
          </button>
        </>
      )}
      {refused && <ProblemNote problem={refused} />}
    </form>
  );
}

/** Whether a network takes a data set as it is; otherwise the training adapts its two ends. */
function takes(network: WrittenNetwork, { input, classes }: DataSet): boolean {
  return String(network.input) === String(input) && (network.classes ?? classes) === classes;
}
