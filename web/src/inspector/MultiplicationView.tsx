/** The end of branches that are multiplied: as in squeeze-and-excitation, where one number gates a map. */
import { short } from "../draw/numbers";
import { t } from "../i18n";
import { steps } from "../state";
import type { Multiplication } from "../windows/computation";
import { branchText, cellRegion } from "./branches";
import { mapOf, mapText } from "./maps";
import { MapView } from "./MapView";
import { OutputMap } from "./OutputMap";
import { Part, Then, Total, type ViewProps } from "./parts";

export function MultiplicationView({ step, cell, computation, sliding }: ViewProps<Multiplication>) {
  const gates = computation.sources.map((source) => isGate(source, step.output));
  const titles = computation.sources.map((_, i) => (gates[i] ? t("multiply.gate") : branchText(step, i)));
  const gate = gates.indexOf(true);
  return (
    <>
      {computation.sources.map((source, i) => {
        const at = computation.cells[i]!;
        const map = mapOf(source, at[0]!);
        const name = source ?? t("image.title");
        const part = map && (
          <Part title={titles[i]!} note={`${name} · ${mapText(source, at[0]!)}`}>
            <MapView {...map} region={cellRegion(at)} label={name} />
          </Part>
        );
        return i > 0 ? (
          <Then key={i} sign="×">
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
          terms={computation.factors.map((factor, i): [string, number] => [i > 0 ? `× ${titles[i]!}` : titles[i]!, factor])}
          total={computation.total}
        />
        <p class="say">
          {gate < 0 ? t("multiply.why") : t("multiply.gated", { map: cell[0]!, factor: short(computation.factors[gate]!) })}
        </p>
      </Part>
    </>
  );
}

/** Whether a factor is one number for a whole map. */
function isGate(source: string | null, output: readonly number[]): boolean {
  const shape = source ? steps.value.get(source)?.output : undefined;
  return shape?.length === 3 && shape[1] === 1 && shape[2] === 1 && output[1]! * output[2]! > 1;
}
