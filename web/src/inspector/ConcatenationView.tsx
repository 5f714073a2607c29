/** Branches put one after the other: which of them, and which of its maps, the cell comes from. */
import { t } from "../i18n";
import { selected } from "../state";
import type { Concatenation } from "../windows/computation";
import { branchText, cellRegion } from "./branches";
import { mapOf, mapText } from "./maps";
import { MapView } from "./MapView";
import { OutputMap } from "./OutputMap";
import { Part, Then, Total, type ViewProps } from "./parts";

export function ConcatenationView({ step, cell, computation, sliding }: ViewProps<Concatenation>) {
  const { branch, counts, sources, source } = computation;
  const layer = sources[branch] ?? null;
  const name = layer ?? t("image.title");
  const [map, output] = [mapOf(layer, source[0]!), mapOf(step.name, cell[0]!)];
  return (
    <>
      {map && (
        <Part title={branchText(step, branch)} note={`${name} · ${mapText(layer, source[0]!)}`} place="in">
          <MapView
            {...map}
            scale={output?.scale ?? map.scale}
            region={cellRegion(source)}
            label={t("part.pick", { name })}
            onPick={(down, across) => (selected.value = { layer: step.name, cell: [cell[0]!, ...[down, across].slice(0, cell.length - 1)] })}
          />
        </Part>
      )}
      <Then sign="=">
        <OutputMap step={step} cell={cell} sliding={sliding} />
      </Then>
      <Part title={t("concat.row", { n: step.output[0]! })} grow>
        <Row counts={counts} branch={branch} at={cell[0]!} />
        <dl class="runs">
          {counts.map((count, i) => {
            const first = counts.slice(0, i).reduce((sum, one) => sum + one, 0);
            return (
              <div key={i} class={i === branch ? "is-here" : undefined}>
                <dt>
                  {branchText(step, i)} · {sources[i] ?? t("image.title")}
                </dt>
                <dd>{t("concat.run", { from: first, to: first + count - 1 })}</dd>
              </div>
            );
          })}
        </dl>
        <Total terms={[]} total={computation.total} />
        <p class="say">{t("concat.why")}</p>
      </Part>
    </>
  );
}

/** All maps in one row: a run for each branch, and where the cell's map stands. */
function Row({ counts, branch, at }: { counts: readonly number[]; branch: number; at: number }) {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const width = (count: number) => (100 * count) / total;
  return (
    <svg class="runs-row" viewBox="0 0 100 16" width="100%" height="16" preserveAspectRatio="none" aria-hidden="true">
      {counts.map((count, i) => (
        <rect
          key={i}
          class={i === branch ? "one" : "all"}
          x={width(counts.slice(0, i).reduce((sum, one) => sum + one, 0)) + 0.15}
          y="2"
          width={Math.max(0.3, width(count) - 0.3)}
          height="12"
        />
      ))}
      <rect class="here" x={width(at)} y="0" width={Math.max(0.5, width(1))} height="16" />
    </svg>
  );
}
