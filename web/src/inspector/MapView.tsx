/** One map in large, with the window or the cell on it; click or use the arrow keys to move. */
import { useEffect, useRef } from "preact/hooks";
import { mapCanvas, prepare } from "../draw/canvas";
import { inkOn } from "../draw/colour";
import { short } from "../draw/numbers";
import { theme } from "../state";
import type { Region } from "../windows/geometry";

/** On a narrow page all parts of a window are smaller, so that they stand beside each other. */
const [LARGE, SMALL] = [196, 168];

export function narrow(): boolean {
  return window.matchMedia("(max-width: 1200px)").matches;
}

/** A cell must be so wide for its number to be legible. */
const LEGIBLE = 28;

interface Props {
  values: ArrayLike<number>;
  height: number;
  width: number;
  scale: number;
  region?: Region | undefined;
  /** A second, single cell: the winner of a pool. */
  mark?: { row: number; column: number } | undefined;
  /** Cells from this index on are faint: the window has not reached them. */
  reached?: number | undefined;
  label: string;
  onPick?: (row: number, column: number) => void;
}

export function MapView(props: Props) {
  const { values, height, width, scale, region, mark, reached, label, onPick } = props;
  const side = narrow() ? SMALL : LARGE;
  const canvas = useRef<HTMLCanvasElement>(null);
  const unit = side / Math.max(height, width);
  const [w, h] = [Math.round(unit * width), Math.round(unit * height)];
  const shown = theme.value;
  useEffect(() => {
    const context = prepare(canvas.current!, w, h);
    context.drawImage(mapCanvas(values, width, height, shown, scale), 0, 0, w, h);
    if (reached !== undefined) {
      const line = Math.floor(reached / width);
      const from = (reached % width) + 1;
      context.fillStyle = shown === "dark" ? "rgba(20,21,24,.8)" : "rgba(255,255,255,.8)";
      context.fillRect(from * unit, line * unit, w - from * unit, unit);
      context.fillRect(0, (line + 1) * unit, w, h - (line + 1) * unit);
    }
    if (unit >= LEGIBLE && reached === undefined) {
      context.font = `${Math.min(13, unit / 3)}px ui-monospace, monospace`;
      context.textAlign = "center";
      context.textBaseline = "middle";
      for (let i = 0; i < width * height; i++) {
        context.fillStyle = inkOn(values[i]!, shown, scale);
        context.fillText(short(values[i]!), ((i % width) + 0.5) * unit, (Math.floor(i / width) + 0.5) * unit);
      }
    }
    const frame = (top: number, left: number, bottom: number, right: number, colour: string) => {
      context.lineWidth = 4;
      context.strokeStyle = shown === "dark" ? "#000" : "#fff";
      const box = [left * unit, top * unit, (right - left) * unit, (bottom - top) * unit] as const;
      context.strokeRect(...box);
      context.lineWidth = 2;
      context.strokeStyle = colour;
      context.strokeRect(...box);
    };
    const ink = shown === "dark" ? "#fff" : "#111";
    if (region) frame(region.firstRow, region.firstColumn, region.lastRow + 1, region.lastColumn + 1, ink);
    if (mark) frame(mark.row, mark.column, mark.row + 1, mark.column + 1, shown === "dark" ? "#ffb27a" : "#b8450b");
  }, [values, scale, region, mark, reached, shown, w, h]);
  const pick = (event: PointerEvent) => {
    const box = canvas.current!.getBoundingClientRect();
    const at = (offset: number, cells: number) => Math.max(0, Math.min(cells - 1, Math.floor(offset / unit)));
    onPick!(at(event.clientY - box.top, height), at(event.clientX - box.left, width));
  };
  return (
    <canvas
      ref={canvas}
      class={`map-view${onPick ? " pickable" : ""}`}
      role={onPick ? "application" : "img"}
      aria-label={label}
      {...(onPick
        ? {
            tabIndex: 0,
            onPointerDown: (event: PointerEvent) => {
              canvas.current!.setPointerCapture(event.pointerId);
              pick(event);
            },
            onPointerMove: (event: PointerEvent) => {
              if (canvas.current!.hasPointerCapture(event.pointerId)) pick(event);
            },
          }
        : {})}
    />
  );
}
