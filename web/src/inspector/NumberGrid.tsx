/** A small matrix with its numbers in coloured cells. */
import { css, inkOn } from "../draw/colour";
import { short } from "../draw/numbers";
import { theme } from "../state";
import { narrow } from "./MapView";

/** Larger matrices are drawn without numbers; each cell still says its own when pointed at. */
const LEGIBLE = 7;

interface Props {
  values: ArrayLike<number>;
  columns: number;
  scale: number;
  /** Cells that are padding. */
  padding?: readonly boolean[] | undefined;
  mark?: number | null | undefined;
  testid?: string;
}

const GAP = 2;

function cellSide(rows: number, columns: number): number {
  const side = Math.max(rows, columns);
  if (side > LEGIBLE) return Math.max(4, Math.floor(190 / side));
  return side <= 3 ? (narrow() ? 42 : 46) : side <= 5 ? 36 : 28;
}

/** How high a matrix stands, in pixels. */
export function gridHeight(rows: number, columns: number): number {
  const gap = Math.max(rows, columns) > LEGIBLE ? 0 : GAP;
  return rows * (cellSide(rows, columns) + gap) - gap;
}

export function NumberGrid({ values, columns, scale, padding, mark, testid }: Props) {
  const shown = theme.value;
  const side = Math.max(columns, values.length / columns);
  const legible = side <= LEGIBLE;
  const cell = cellSide(values.length / columns, columns);
  return (
    <div
      class={`numbers${legible ? "" : " tight"}`}
      style={{ gridTemplateColumns: `repeat(${columns}, ${cell}px)`, gridAutoRows: `${cell}px` }}
      data-testid={testid}
    >
      {Array.from({ length: values.length }, (_, i) => {
        const value = values[i]!;
        const outside = padding?.[i] ?? false;
        return (
          <span
            key={i}
            class={`${outside ? "padding" : ""}${mark === i ? " mark" : ""}`}
            style={
              outside
                ? {}
                : { background: css(value, shown, scale), color: inkOn(value, shown, scale), fontSize: `${side > 5 ? 9 : side > 3 ? 10.5 : narrow() ? 11 : 12}px` }
            }
            title={String(value)}
          >
            {legible ? (outside && Number.isNaN(value) ? "" : short(value)) : ""}
          </span>
        );
      })}
    </div>
  );
}
