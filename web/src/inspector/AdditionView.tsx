/** The end of branches that are added, as in a residual block: what each of them made. */
import { t } from "../i18n";
import type { Addition } from "../windows/computation";
import { branchText, cellRegion } from "./branches";
import { mapOf, mapText } from "./maps";
import { MapView } from "./MapView";
import { OutputMap } from "./OutputMap";
import { Part, Then, Total, type ViewProps } from "./parts";

export function AdditionView({ step, cell, computation, sliding }: ViewProps<Addition>) {
  const titles = computation.sources.map((_, i) => branchText(step, i));
  return (
    <>
      {computation.sources.map((source, i) => {
        const map = mapOf(source, cell[0]!);
        const name = source ?? t("image.title");
        const part = map && (
          <Part title={titles[i]!} note={`${name} · ${mapText(source, cell[0]!)}`}>
            <MapView {...map} region={cellRegion(cell)} label={name} />
          </Part>
        );
        return i > 0 ? (
          <Then key={i} sign="+">
            {part}
          </Then>
        ) : (
          part
        );
      })}
      <Then sign="=">
        <OutputMap step={step} cell={cell} sliding={sliding} />
      </Then>
      <Part title={t("part.total")} grow>
        <Total
          terms={computation.addends.map((addend, i): [string, number] => [i > 0 ? `+ ${titles[i]!}` : titles[i]!, addend])}
          total={computation.total}
        />
        <p class="say">{t("residual.why")}</p>
      </Part>
    </>
  );
}
