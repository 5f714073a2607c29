/** One cell of a pooling layer: which value won, or what the mean is made of. */
import { t } from "../i18n";
import { short } from "../draw/numbers";
import { windowRegion } from "../windows/geometry";
import type { Pooling } from "../windows/computation";
import { mapOf, mapText } from "./maps";
import { MapView } from "./MapView";
import { gridHeight, NumberGrid } from "./NumberGrid";
import { OutputMap } from "./OutputMap";
import { Part, Then, Total, type ViewProps, windowText } from "./parts";

export function PoolingView({ step, cell, computation, sliding }: ViewProps<Pooling>) {
  const source = step.source[0] ?? null;
  const input = mapOf(source, cell[0]!);
  const wide = computation.columns.length;
  const won =
    computation.winner === null
      ? undefined
      : { row: computation.rows[Math.floor(computation.winner / wide)]!, column: computation.columns[computation.winner % wide]! };
  const real = Array.from(computation.patch).filter((_, i) => !computation.padding[i]);
  const tied = won ? real.filter((value) => value === computation.total).length : 1;
  const [name, map] = [source ?? t("image.title"), mapText(source, cell[0]!)];
  return (
    <>
      {input && (
        <Part title={name} note={map} place="in">
          <MapView
            {...input}
            region={windowRegion(step, cell[1]!, cell[2]!)}
            mark={won}
            label={t("part.windowOn", { name, map })}
          />
        </Part>
      )}
      <Part title={t("part.window")} note={windowText(computation)}>
        <NumberGrid
          values={computation.patch}
          columns={wide}
          scale={input?.scale ?? 1}
          padding={computation.padding}
          mark={computation.winner}
          testid="patch"
        />
      </Part>
      <Then sign="→" level={gridHeight(computation.rows.length, wide)} grow>
        <Part title={computation.largest ? t("pool.largest") : t("pool.mean")} grow>
          <p class="formula">
            {real.length <= 9
              ? computation.largest
                ? `max(${real.map(short).join(", ")}) = ${short(computation.total)}`
                : `(${real.map(short).join(" + ")}) / ${computation.counted} = ${short(computation.total)}`
              : t(computation.largest ? "pool.largestOf" : "pool.meanOf", { n: computation.counted })}
          </p>
          {won && <p class="say">{t("pool.won", { row: won.row, column: won.column })}</p>}
          {tied > 1 && <p class="say">{t("pool.tied", { n: tied })}</p>}
          {computation.counted < computation.padding.length && <p class="say">{t("pool.padding")}</p>}
          {step.counted && <p class="say">{t("pool.counted")}</p>}
          <Total terms={[]} total={computation.total} />
        </Part>
      </Then>
      <OutputMap step={step} cell={cell} sliding={sliding} />
    </>
  );
}
