/** One cell of a pooling layer: which value won, or what the mean is made of. */
import { t } from "../i18n";
import { short } from "../draw/numbers";
import { windowRegion } from "../windows/geometry";
import type { Pooling } from "../windows/computation";
import { Total, windowText } from "./CorrelationView";
import { mapOf, mapText } from "./maps";
import { MapView } from "./MapView";
import { gridHeight, NumberGrid } from "./NumberGrid";
import { OutputMap } from "./OutputMap";
import { Part, Then, type ViewProps } from "./Inspector";

export function PoolingView({ row, cell, step, sliding }: ViewProps<Pooling>) {
  const source = row.source[0] ?? null;
  const input = mapOf(source, cell[0]!);
  const wide = step.columns.length;
  const won =
    step.winner === null
      ? undefined
      : { row: step.rows[Math.floor(step.winner / wide)]!, column: step.columns[step.winner % wide]! };
  const real = Array.from(step.patch).filter((_, i) => !step.padding[i]);
  const tied = won ? real.filter((value) => value === step.total).length : 1;
  const [name, map] = [source ?? t("image.title"), mapText(source, cell[0]!)];
  return (
    <>
      {input && (
        <Part title={name} note={map} place="in">
          <MapView
            {...input}
            region={windowRegion(row, cell[1]!, cell[2]!)}
            mark={won}
            label={t("part.windowOn", { name, map })}
          />
        </Part>
      )}
      <Part title={t("part.window")} note={windowText(step)}>
        <NumberGrid
          values={step.patch}
          columns={wide}
          scale={input?.scale ?? 1}
          padding={step.padding}
          mark={step.winner}
          testid="patch"
        />
      </Part>
      <Then sign="→" level={gridHeight(step.rows.length, wide)} grow>
        <Part title={step.largest ? t("pool.largest") : t("pool.mean")} grow>
          <p class="formula">
            {real.length <= 9
              ? step.largest
                ? `max(${real.map(short).join(", ")}) = ${short(step.total)}`
                : `(${real.map(short).join(" + ")}) / ${step.counted} = ${short(step.total)}`
              : t(step.largest ? "pool.largestOf" : "pool.meanOf", { n: step.counted })}
          </p>
          {won && <p class="say">{t("pool.won", { row: won.row, column: won.column })}</p>}
          {tied > 1 && <p class="say">{t("pool.tied", { n: tied })}</p>}
          {step.counted < step.padding.length && <p class="say">{t("pool.padding")}</p>}
          <Total terms={[]} total={step.total} />
        </Part>
      </Then>
      <OutputMap row={row} cell={cell} sliding={sliding} />
    </>
  );
}
