/** The lines from what is pointed at to the maps that it is made from. */
import { useMemo } from "preact/hooks";
import { linkHorizontal } from "d3-shape";
import { readsOf } from "../kinds/kinds";
import { argmax } from "../model/tensor";
import { activations, computedNow, hovered, inputChannel, model, steps, selected, type Place } from "../state";
import { sourceCell } from "../windows/cells";
import { windowRegion, type Region } from "../windows/geometry";
import { computationOf } from "../windows/window";
import { centre } from "./choosing";
import { tileRect, type Column, type Layout } from "./layout";
import { linksOf, type Link } from "./linkStrengths";

const curve = linkHorizontal<unknown, [number, number]>();

/** The window of the selected cell on the maps that it reads, or the whole map it points at. */
function regionOf(layer: string | null, cell: readonly number[]): Region | null {
  const step = layer ? steps.value.get(layer) : undefined;
  if (!step || cell.length !== 3 || step.input.length !== 3) return null;
  const source = sourceCell(step, cell);
  if (!source) return null;
  const [, y, x] = source as [number, number, number];
  if (readsOf(step.kind) !== "window") {
    return { firstRow: y, lastRow: y, firstColumn: x, lastColumn: x };
  }
  return windowRegion(step, y, x);
}

/** Where nothing is pointed at: the class that wins, among the logits. */
function answerPlace(): { layer: string; channel: number; cell: null } | null {
  const logits = activations.value?.logits;
  const layer = model.value?.layers.findLast((step) => step.kind === "linear");
  if (!logits || layer?.output[0] !== logits.length) return null;
  return { layer: layer.name, channel: argmax(logits), cell: null };
}

/** A last softmax has no column: its class is pointed at among the logits. */
function shownPlace(place: Place | null, columns: Map<string | null, Column>): Place | null {
  const step = place?.layer ? steps.value.get(place.layer) : undefined;
  if (!place || step?.kind !== "softmax" || columns.has(step.name)) return place;
  return { layer: step.source[0] ?? null, cell: place.cell };
}

export function Links({ layout }: { layout: Layout }) {
  const columns = useMemo(
    () =>
      new Map(
        layout.columns.flatMap((column) =>
          [column.step, ...column.folded].map((step): [string | null, Column] => [step?.name ?? null, column]),
        ),
      ),
    [layout],
  );
  const [over, known] = [hovered.value, computedNow.value];
  const place = shownPlace(selected.value, columns);
  const pointed =
    over?.layer != null && (over.layer !== place?.layer || over.channel !== place.cell[0])
      ? { layer: over.layer, channel: over.channel, cell: null }
      : place?.layer != null
        ? { layer: place.layer, channel: place.cell[0]!, cell: place.cell }
        : place === null
          ? answerPlace()
          : null;
  const step = pointed ? steps.value.get(pointed.layer) : undefined;
  const target = pointed ? columns.get(pointed.layer) : undefined;
  if (!pointed || !step || !target) return null;
  const cell = pointed.cell ?? (step.output.length === 3 ? [pointed.channel, ...centre(step)] : [pointed.channel]);
  const links = known ? linksOf(step, pointed.channel, computationOf(known, step.name, cell)) : [];
  const region = pointed.cell ? regionOf(step.name, pointed.cell) : null;
  const end = tileRect(target, pointed.channel);
  return (
    <svg class="links" width={layout.width} height={layout.height} aria-hidden="true">
      {links.map((link) => (
        <Line key={`${link.layer} ${link.channel}`} link={link} columns={columns} end={end} region={region} />
      ))}
      <rect class="frame" {...grown(end, 2)} rx={3} />
      {pointed.cell && cell.length === 3 && target.form === "maps" && (
        <rect
          class="cell"
          {...cellRect(end, step.output, {
            firstRow: cell[1]!,
            lastRow: cell[1]!,
            firstColumn: cell[2]!,
            lastColumn: cell[2]!,
          })}
        />
      )}
    </svg>
  );
}

function Line(props: {
  link: Link;
  columns: Map<string | null, Column>;
  end: { x: number; y: number; width: number; height: number };
  region: Region | null;
}) {
  const { link, columns, end, region } = props;
  const from = columns.get(link.layer);
  if (!from) return null;
  const colours = from.step === null && model.value!.network.input[0] === 3;
  const start = from.step
    ? tileRect(from, link.channel)
    : { x: from.x, y: from.top, ...from.tile };
  const size = Math.abs(link.strength);
  const path = curve({
    source: [
      start.x + start.width,
      start.y + (colours ? ((link.channel + 1) * start.height) / 4 : start.height / 2),
    ],
    target: [end.x, end.y + end.height / 2],
  } as never);
  const chosen = inputChannel.value === link.channel && region !== null;
  return (
    <>
      <path
        class={`link ${link.strength < 0 ? "minus" : "plus"}`}
        d={path ?? ""}
        style={{ strokeWidth: 0.6 + 2.4 * size, opacity: 0.15 + 0.75 * size }}
      />
      {from.step && region && <rect class="cell" {...cellRect(start, from.step.output, region)} />}
      {from.step && chosen && <rect class="frame thin" {...grown(start, 1)} rx={2} />}
    </>
  );
}

function grown(rect: { x: number; y: number; width: number; height: number }, by: number) {
  return { x: rect.x - by, y: rect.y - by, width: rect.width + 2 * by, height: rect.height + 2 * by };
}

/** Cells of a map as a rectangle on the stage, cut off at the map's borders. */
function cellRect(
  tile: { x: number; y: number; width: number; height: number },
  shape: readonly number[],
  region: Region,
) {
  const [rowsOf, columnsOf] = [shape[1] ?? 1, shape[2] ?? 1];
  const [ux, uy] = [tile.width / columnsOf, tile.height / rowsOf];
  // the only cell of a map stands for every cell of the one that it multiplies
  const left = Math.max(0, Math.min(region.firstColumn, columnsOf - 1));
  const top = Math.max(0, Math.min(region.firstRow, rowsOf - 1));
  return {
    x: tile.x + left * ux,
    y: tile.y + top * uy,
    width: Math.max(1.5, (Math.min(columnsOf, region.lastColumn + 1) - left) * ux),
    height: Math.max(1.5, (Math.min(rowsOf, region.lastRow + 1) - top) * uy),
  };
}

