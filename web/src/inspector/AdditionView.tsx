/** The end of a residual block: what its layers made, plus what took the shortcut. */
import { t } from "../i18n";
import type { Addition } from "../windows/computation";
import { mapOf, mapText } from "./maps";
import { MapView } from "./MapView";
import { OutputMap } from "./OutputMap";
import { Part, Then, Total, type ViewProps } from "./parts";

export function AdditionView({ step, cell, computation, sliding }: ViewProps<Addition>) {
  const [y, x] = [cell[1] ?? 0, cell[2] ?? 0];
  const at = { firstRow: y, lastRow: y, firstColumn: x, lastColumn: x };
  const [main, side] = computation.sources.map((name) => mapOf(name, cell[0]!));
  const names = computation.sources.map((name) => name ?? t("image.title"));
  return (
    <>
      {main && (
        <Part title={t("residual.main")} note={`${names[0]!} · ${mapText(computation.sources[0], cell[0]!)}`}>
          <MapView {...main} region={at} label={names[0]!} />
        </Part>
      )}
      {side && (
        <Then sign="+">
          <Part title={t("residual.shortcut")} note={`${names[1]!} · ${mapText(computation.sources[1], cell[0]!)}`}>
            <MapView {...side} region={at} label={names[1]!} />
          </Part>
        </Then>
      )}
      <Then sign="=">
        <OutputMap step={step} cell={cell} sliding={sliding} />
      </Then>
      <Part title={t("part.total")} grow>
        <Total
          terms={[
            [t("residual.main"), computation.addends[0]],
            [`+ ${t("residual.shortcut")}`, computation.addends[1]],
          ]}
          total={computation.total}
        />
        <p class="say">{t("residual.why")}</p>
      </Part>
    </>
  );
}
