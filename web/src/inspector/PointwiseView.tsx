/** One value and what a layer makes of it: activations, normalisation, dropout. */
import { percent, short } from "../draw/numbers";
import { t } from "../i18n";
import { POINTWISE, type Pointwise as Record } from "../kinds/pointwise";
import { kindText } from "../shell/layerText";
import type { Pointwise } from "../windows/computation";
import { Curve } from "./Curve";
import { mapOf, mapText } from "./maps";
import { MapView } from "./MapView";
import { OutputMap } from "./OutputMap";
import { Part, Then, Total, type ViewProps } from "./parts";

export function PointwiseView({ step, cell, computation, sliding }: ViewProps<Pointwise>) {
  const { family, cuts }: Record = POINTWISE[computation.kind];
  const source = step.source[0] ?? null;
  const maps = step.input.length === 3;
  const input = maps ? mapOf(source, computation.source[0]!) : null;
  const [, y, x] = computation.source as [number, number, number];
  const at = { firstRow: y, lastRow: y, firstColumn: x, lastColumn: x };
  const [name, map] = [source ?? t("image.title"), mapText(source, computation.source[0]!)];
  return (
    <>
      {input && (
        <Part title={name} note={map} place="in">
          <MapView {...input} region={at} label={t("part.windowOn", { name, map })} />
        </Part>
      )}
      <Part title={kindText(step)} grow>
        <Formula computation={computation} />
        {cuts && input && <Cut values={input.values} />}
        <Total terms={family === "passing" ? [] : [["x", computation.value]]} total={computation.total} />
      </Part>
      {family === "activation" && (
        <Part title={t("curve.title")}>
          <Curve computation={computation} />
        </Part>
      )}
      {step.output.length === 3 && (
        <Then sign="→" place="out">
          <OutputMap step={step} cell={cell} sliding={sliding} />
        </Then>
      )}
    </>
  );
}

/** The kind's formula with the cell's numbers: one line, or several with what each is for. */
function Formula({ computation }: { computation: Pointwise }) {
  const record: Record = POINTWISE[computation.kind];
  const lines = record.lines(computation.value, computation.numbers);
  const sentence = record.says?.(computation.value);
  if (lines.length < 2) {
    return (
      <>
        {lines.map((line) => (
          <p class="formula" key={line.text}>
            {line.text} = {short(line.value)}
          </p>
        ))}
        {sentence && <p class="say">{t(sentence, { n: computation.among })}</p>}
      </>
    );
  }
  return (
    <ol class="steps">
      {lines.map((line) => (
        <li key={line.text}>
          {line.name && <span>{t(line.name)}</span>} {line.text} = <b>{short(line.value)}</b>
        </li>
      ))}
      {sentence && <li class="quiet">{t(sentence, { n: computation.among })}</li>}
    </ol>
  );
}

/** How much of the map was cut. */
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
