/** A value that a layer only moves: where it was, and where it is. */
import { t } from "../i18n";
import { kindText } from "../shell/layerText";
import type { Moving } from "../windows/computation";
import { mapOf, mapText } from "./maps";
import { MapView } from "./MapView";
import { OutputMap } from "./OutputMap";
import { Part, Then, Total, type ViewProps } from "./parts";

export function MovingView({ step, cell, computation, sliding }: ViewProps<Moving>) {
  const source = step.source[0] ?? null;
  const from = computation.source;
  const input = from && mapOf(source, from[0]!);
  const name = source ?? t("image.title");
  return (
    <>
      {from && input && (
        <Part title={name} note={mapText(source, from[0]!)} place="in">
          <MapView
            {...input}
            region={{ firstRow: from[1]!, lastRow: from[1]!, firstColumn: from[2]!, lastColumn: from[2]! }}
            label={t("part.windowOn", { name, map: mapText(source, from[0]!) })}
          />
        </Part>
      )}
      <Part title={kindText(step)} grow>
        <p class="say">
          {from ? t("moving.from", { map: from[0]!, row: from[1]!, column: from[2]! }) : t("moving.zero")}
        </p>
        <Total terms={from ? [["x", computation.value]] : []} total={computation.total} />
      </Part>
      <Then sign="→" place="out">
        <OutputMap step={step} cell={cell} sliding={sliding} />
      </Then>
    </>
  );
}
