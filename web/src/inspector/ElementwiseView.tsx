/** One value and what a layer makes of it: activations, batch normalisation, dropout. */
import { percent, short } from "../draw/numbers";
import { t } from "../i18n";
import { kindText } from "../shell/layerText";
import type { Elementwise } from "../windows/step";
import { Total } from "./CorrelationView";
import { Curve } from "./Curve";
import { mapOf, mapText } from "./maps";
import { MapView } from "./MapView";
import { OutputMap } from "./OutputMap";
import { Part, Then, type StepProps } from "./Inspector";

export function ElementwiseView({ row, cell, step, sliding }: StepProps<Elementwise>) {
  const source = row.source[0] ?? null;
  const maps = row.input.length === 3;
  const input = maps ? mapOf(source, step.source[0]!) : null;
  const [, y, x] = step.source as [number, number, number];
  const at = { firstRow: y, lastRow: y, firstColumn: x, lastColumn: x };
  const [name, map] = [source ?? t("image.title"), mapText(source, step.source[0]!)];
  return (
    <>
      {input && (
        <Part title={name} note={map} place="in">
          <MapView {...input} region={at} label={t("part.windowOn", { name, map })} />
        </Part>
      )}
      <Part title={kindText(row)} grow>
        <Formula row={row} step={step} />
        {row.kind === "relu" && input && <Cut values={input.values} />}
        <Total terms={row.kind === "dropout" ? [] : [["x", step.value]]} total={step.total} />
      </Part>
      {["relu", "leaky_relu", "gelu", "silu"].includes(row.kind) && (
        <Part title={t("curve.title")}>
          <Curve kind={row.kind} slope={step.constants["slope"] ?? 0.01} x={step.value} y={step.total} />
        </Part>
      )}
      {row.output.length === 3 && (
        <Then sign="→" place="out">
          <OutputMap row={row} cell={cell} sliding={sliding} />
        </Then>
      )}
    </>
  );
}

function Formula({ row, step }: Pick<StepProps<Elementwise>, "row" | "step">) {
  const { value: x, total } = step;
  const c = (name: string) => short(step.constants[name] ?? 0);
  switch (row.kind) {
    case "relu":
      return (
        <>
          <p class="formula">
            max(x, 0) = max({short(x)}, 0) = {short(total)}
          </p>
          <p class="say">{t(x < 0 ? "relu.cut" : "relu.kept")}</p>
        </>
      );
    case "leaky_relu":
      return (
        <p class="formula">
          {x > 0 ? "x" : `${c("slope")} × ${short(x)}`} = {short(total)}
        </p>
      );
    case "gelu":
      return (
        <p class="formula">
          x × Φ(x) = {short(x)} × {c("phi")} = {short(total)}
        </p>
      );
    case "silu":
      return (
        <p class="formula">
          x × σ(x) = {short(x)} × {c("sigmoid")} = {short(total)}
        </p>
      );
    case "batch_norm":
      return (
        <ol class="steps">
          <li>
            <span>{t("norm.centre")}</span> ({short(x)} − {c("mean")}) / √({c("variance")} + ε) = <b>{c("normalised")}</b>
          </li>
          <li>
            <span>{t("norm.scale")}</span> {c("normalised")} × {c("weight")} + {c("bias")} = <b>{short(total)}</b>
          </li>
          <li class="quiet">{t("norm.learned")}</li>
        </ol>
      );
    case "dropout":
      return <p class="say">{t("dropout.idle")}</p>;
    default:
      return null;
  }
}

/** How much of the map ReLU cut. */
function Cut({ values }: { values: Float32Array }) {
  const cut = values.reduce((count, value) => count + (value < 0 ? 1 : 0), 0);
  return (
    <div class="cut">
      <span class="bar">
        <i style={{ width: `${(100 * cut) / values.length}%` }} />
      </span>
      <p>{t("relu.share", { share: percent(cut / values.length, 0) })}</p>
    </div>
  );
}
