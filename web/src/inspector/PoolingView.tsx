/** One cell of a pooling layer: which value won, or what the mean is made of. */
import { t } from "../i18n";
import { short } from "../draw/numbers";
import { windowRegion } from "../windows/geometry";
import type { Pooling } from "../windows/step";
import { range, Total } from "./CorrelationView";
import { mapOf } from "./maps";
import { MapView } from "./MapView";
import { NumberGrid } from "./NumberGrid";
import { OutputMap } from "./OutputMap";
import { Part, Sign, type StepProps } from "./Inspector";

export function PoolingView({ row, cell, step, sliding }: StepProps<Pooling>) {
  const source = row.source[0] ?? null;
  const input = mapOf(source, cell[0]!);
  const wide = step.columns.length;
  const won =
    step.winner === null
      ? undefined
      : { row: step.rows[Math.floor(step.winner / wide)]!, column: step.columns[step.winner % wide]! };
  const real = Array.from(step.patch).filter((_, i) => !step.padding[i]);
  return (
    <>
      {input && (
        <Part title={source ?? t("image.title")} note={t("part.map", { n: cell[0]! })}>
          <MapView
            {...input}
            region={windowRegion(row, cell[1]!, cell[2]!)}
            mark={won}
            label={t("part.windowOn", { name: source ?? t("image.title"), n: cell[0]! })}
          />
        </Part>
      )}
      <Part title={t("part.window")} note={t("part.rowsColumns", { rows: range(step.rows), columns: range(step.columns) })}>
        <NumberGrid
          values={step.patch}
          columns={wide}
          scale={input?.scale ?? 1}
          padding={step.padding}
          mark={step.winner}
          testid="patch"
        />
      </Part>
      <Sign>→</Sign>
      <Part title={step.largest ? t("pool.largest") : t("pool.mean")} grow>
        <p class="formula">
          {real.length <= 9
            ? step.largest
              ? `max(${real.map(short).join(", ")}) = ${short(step.total)}`
              : `(${real.map(short).join(" + ")}) / ${step.counted} = ${short(step.total)}`
            : t(step.largest ? "pool.largestOf" : "pool.meanOf", { n: step.counted })}
        </p>
        {won && <p class="say">{t("pool.won", { row: won.row, column: won.column })}</p>}
        {step.counted < step.padding.length && <p class="say">{t("pool.padding")}</p>}
        <Total terms={[]} total={step.total} />
      </Part>
      <OutputMap row={row} cell={cell} sliding={sliding} />
    </>
  );
}
