/** The map that the cell is in; a click or the arrow keys choose another of its cells. */
import { t } from "../i18n";
import { selected } from "../state";
import { mapOf } from "./maps";
import { MapView } from "./MapView";
import { Part, type ViewProps } from "./parts";

export function OutputMap({ step, cell, sliding }: Pick<ViewProps, "step" | "cell" | "sliding">) {
  const output = mapOf(step.name, cell[0]!);
  if (!output) return null;
  const [y, x] = [cell[1] ?? 0, cell[2] ?? 0];
  return (
    <Part title={step.name} note={t("part.map", { n: cell[0]! })} place="out">
      <MapView
        {...output}
        region={{ firstRow: y, lastRow: y, firstColumn: x, lastColumn: x }}
        reached={sliding ? y * output.width + x : undefined}
        label={t("part.pick", { name: step.name })}
        onPick={(down, across) => (selected.value = { layer: step.name, cell: [cell[0]!, down, across] })}
      />
    </Part>
  );
}
