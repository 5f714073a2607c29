/** patch x kernel = products, summed per channel, plus the bias: one cell of a convolution. */
import { useEffect, useRef } from "preact/hooks";
import { scaleOf } from "../draw/colour";
import { t } from "../i18n";
import { inputChannel } from "../state";
import { short } from "../draw/numbers";
import { windowRegion } from "../windows/geometry";
import type { Correlation } from "../windows/computation";
import { strongest } from "../windows/weightedSum";
import { channelText, mapOf, mapText } from "./maps";
import { MapView } from "./MapView";
import { gridHeight, NumberGrid } from "./NumberGrid";
import { OutputMap } from "./OutputMap";
import { Bar, Part, Then, Total, type ViewProps, windowText } from "./parts";

export function CorrelationView({ step, cell, computation, sliding }: ViewProps<Correlation>) {
  const source = step.source[0] ?? null;
  const largest = computation.channels[strongest(computation.channelSums, 1).top[0]!.index]!;
  const channel = computation.channels.includes(inputChannel.value ?? -1) ? inputChannel.value! : largest;
  const k = computation.channels.indexOf(channel);
  const taps = computation.rows.length * computation.columns.length;
  const part = (values: Float64Array) => values.subarray(k * taps, (k + 1) * taps);
  const input = mapOf(source, channel);
  const name = source ?? t("image.title");
  const map = mapText(source, channel);
  const level = gridHeight(computation.rows.length, computation.columns.length);
  return (
    <>
      {input && (
        <Part title={name} note={map} place="in">
          <MapView
            {...input}
            region={windowRegion(step, cell[1]!, cell[2]!)}
            label={t("part.windowOn", { name, map })}
          />
        </Part>
      )}
      <Part title={t("part.patch")} note={windowText(computation)}>
        <NumberGrid
          values={part(computation.patch)}
          columns={computation.columns.length}
          scale={input?.scale ?? 1}
          padding={computation.padding}
          testid="patch"
        />
      </Part>
      <Then sign="×" level={level}>
        <Part title={t("part.kernel")} note={t("part.filter", { n: cell[0]! })}>
          <NumberGrid values={part(computation.kernel)} columns={computation.columns.length} scale={scaleOf(computation.kernel)} testid="kernel" />
        </Part>
      </Then>
      <Then sign="=" level={level}>
        <Part title={t("part.products")} note={t("part.sum", { value: short(computation.channelSums[k]!) })}>
          <NumberGrid
            values={part(computation.products)}
            columns={computation.columns.length}
            scale={scaleOf(computation.products)}
            testid="products"
          />
        </Part>
      </Then>
      <Then sign="→" level={level} grow>
        <Sum computation={computation} chosen={channel} source={source} />
      </Then>
      <OutputMap step={step} cell={cell} sliding={sliding} />
    </>
  );
}

/** The sum: each channel's share as a bar, the bias, the total. */
function Sum({ computation, chosen, source }: { computation: Correlation; chosen: number; source: string | null }) {
  const largest = scaleOf(computation.channelSums);
  const list = useRef<HTMLUListElement>(null);
  const many = computation.channels.length > 1;
  useEffect(() => {
    const on = list.current?.querySelector<HTMLElement>("[aria-pressed=true]");
    if (on && list.current) list.current.scrollTop = on.offsetTop - list.current.clientHeight / 2;
  }, [chosen]);
  return (
    <Part title={many ? t("part.channels", { n: computation.channels.length }) : t("part.total")} grow>
      {many && (
        <ul class="channels" ref={list}>
          {computation.channels.map((channel, k) => (
            <li key={channel}>
              <button
                class="plain"
                aria-pressed={channel === chosen}
                onClick={() => (inputChannel.value = channel)}
                title={mapText(source, channel)}
              >
                <span>{channelText(source, channel)}</span>
                <Bar share={computation.channelSums[k]! / largest} />
                <span class="number">{short(computation.channelSums[k]!)}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      <Total
        terms={[
          [many ? t("part.allChannels") : t("part.productsSum"), computation.total - (computation.bias ?? 0)],
          ...(computation.bias === null ? [] : [[`+ ${t("part.bias")}`, computation.bias] as [string, number]]),
        ]}
        total={computation.total}
      />
    </Part>
  );
}
