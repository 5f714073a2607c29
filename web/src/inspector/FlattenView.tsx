/** Flatten: where a cell of a map stands in the one row that all maps are laid out in. */
import { useEffect, useRef } from "preact/hooks";
import { mapCanvas, prepare } from "../draw/canvas";
import { t } from "../i18n";
import { kindText } from "../shell/layerText";
import { selected, theme } from "../state";
import type { Flattening } from "../windows/computation";
import { mapOf, mapText, type OneMap } from "./maps";
import { MapView } from "./MapView";
import { Part, Then, Total, type ViewProps } from "./parts";

const HEIGHT = 26;

export function FlattenView(props: ViewProps<Flattening>) {
  const { step, computation } = props;
  if (step.input.length === 3) return <Flattened {...props} />;
  return (
    <Part title={kindText(step)} grow>
      <Total terms={[["x", computation.value]]} total={computation.total} />
    </Part>
  );
}

function Flattened({ step, cell, computation }: ViewProps<Flattening>) {
  const source = step.source[0] ?? null;
  const [count, height, width] = step.input as [number, number, number];
  const [map, y, x] = computation.source as [number, number, number];
  const input = mapOf(source, map);
  const cells = height * width;
  const first = map * cells;
  const pick = (index: number) => (selected.value = { layer: step.name, cell: [first + index] });
  const [name, called] = [source ?? t("image.title"), mapText(source, map)];
  if (!input) return null;
  return (
    <>
      <Part title={name} note={called} place="in">
        <MapView
          {...input}
          region={{ firstRow: y, lastRow: y, firstColumn: x, lastColumn: x }}
          label={t("part.pick", { name })}
          onPick={(down, across) => pick(down * width + across)}
        />
      </Part>
      <Then sign="→" grow>
        <Part
          title={t("flatten.row", { n: step.output[0]! })}
          note={t("flatten.part", { map, from: first, to: first + cells - 1 })}
          grow
        >
          <Row part={map / count} share={1 / count} />
          <Strip map={input} at={cell[0]! - first} label={t("flatten.strip", { map })} onPick={pick} />
          <p class="formula">
            {map} × {cells} + {y} × {width} + {x} = {cell[0]}
          </p>
          <p class="say">{t("flatten.order")}</p>
          <Total terms={[]} total={computation.total} />
        </Part>
      </Then>
    </>
  );
}

/** The whole row, and which part of it is this map's. */
function Row({ part, share }: { part: number; share: number }) {
  const [from, to] = [100 * part, 100 * (part + share)];
  return (
    <svg class="whole" viewBox="0 0 100 34" width="100%" height="34" preserveAspectRatio="none" aria-hidden="true">
      <rect class="all" x="0" y="0" width="100" height="12" />
      <rect class="one" x={from} y="0" width={to - from} height="12" />
      <path d={`M${from},12 L0,34 H100 L${to},12z`} />
    </svg>
  );
}

/** One map's cells beside each other, row after row. */
function Strip(props: { map: OneMap; at: number; label: string; onPick: (index: number) => void }) {
  const { map, at } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const shown = theme.value;
  const cells = map.height * map.width;
  const length = Math.min(520, window.innerWidth - 32);
  const unit = length / cells;
  useEffect(() => {
    const context = prepare(canvas.current!, length, HEIGHT);
    context.drawImage(mapCanvas(map.values, cells, 1, shown, map.scale), 0, 0, length, HEIGHT);
    const ink = shown === "dark" ? "#fff" : "#111";
    // where one of the map's rows ends and the next begins
    context.fillStyle = ink;
    for (let row = 1; row < map.height; row++) context.fillRect(row * map.width * unit - 0.5, 0, 1, HEIGHT);
    context.lineWidth = 2;
    context.strokeStyle = ink;
    context.strokeRect(at * unit + 1, 1, Math.max(2, unit - 2), HEIGHT - 2);
  }, [map.values, map.scale, at, shown, length]);
  return (
    <canvas
      class="row-strip"
      ref={canvas}
      role="img"
      aria-label={props.label}
      onClick={(event) => props.onPick(Math.max(0, Math.min(cells - 1, Math.floor(event.offsetX / unit))))}
    />
  );
}
