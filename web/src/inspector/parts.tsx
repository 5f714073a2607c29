/** What the views of all families share: titled parts, the signs between them, bars and sums. */
import type { ComponentChildren } from "preact";
import { fixed } from "../draw/numbers";
import { t } from "../i18n";
import type { Step } from "../model/contract";
import type { CellComputation } from "../windows/computation";

export interface ViewProps<S extends CellComputation = CellComputation> {
  step: Step;
  cell: number[];
  computation: S;
  /** Whether the window is on its way over the input: what it has not reached is faint. */
  sliding: boolean;
}

/** A titled part of the equation. */
export function Part({
  title,
  note,
  children,
  grow,
  dense,
  place,
}: {
  title: string;
  note?: string;
  children: ComponentChildren;
  grow?: boolean;
  /** The map that is read or made: on a phone both stand above the rest. */
  place?: Place;
  /** No room is left below the title: for tall tables. */
  dense?: boolean;
}) {
  return (
    <figure class={`part${grow ? " grow" : ""}${dense ? " dense" : ""} ${place ?? ""}`}>
      <figcaption>
        {title}
        {note && <small>{note}</small>}
      </figcaption>
      {children}
    </figure>
  );
}

type Place = "in" | "out";

/** A part with the sign between it and the one before; both stay on one line. */
export function Then(props: {
  sign: string;
  /** The sign stands beside something so high, in pixels; as it is, beside a map. */
  level?: number;
  grow?: boolean;
  place?: Place;
  children: ComponentChildren;
}) {
  return (
    <div class={`then${props.grow ? " grow" : ""} ${props.place ?? ""}`} data-sign={props.sign} style={props.level ? { "--level": `${props.level}px` } : {}}>
      <span class="sign" aria-hidden="true">
        {props.sign}
      </span>
      {props.children}
    </div>
  );
}

/** A bar that grows from the middle: to the right above zero, to the left below. */
export function Bar({ share }: { share: number }) {
  const size = 50 * Math.min(1, Math.abs(share));
  return (
    <span class="balance" aria-hidden="true">
      <i
        class={share < 0 ? "minus" : "plus"}
        style={{ left: `${share < 0 ? 50 - size : 50}%`, width: `${size}%` }}
      />
    </span>
  );
}

/** The last lines of a sum. */
export function Total({ terms, total }: { terms: [string, number][]; total: number }) {
  return (
    <dl class="total">
      {terms.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{fixed(value, 4)}</dd>
        </div>
      ))}
      <div class="result">
        <dt>= {t(terms.length > 1 ? "part.total" : "part.result")}</dt>
        <dd data-testid="total">{fixed(total, 4)}</dd>
      </div>
    </dl>
  );
}

/** Where a window lies: "rows 2–4, columns 7–9". */
export function windowText({ rows, columns }: { rows: readonly number[]; columns: readonly number[] }): string {
  if (rows.length === 1 && columns.length === 1) return t("part.rowColumn", { row: range(rows), column: range(columns) });
  return t("part.rowsColumns", { rows: range(rows), columns: range(columns) });
}

function range(positions: readonly number[]): string {
  const [first, last] = [positions[0]!, positions[positions.length - 1]!];
  const text = (n: number) => (n < 0 ? `−${-n}` : `${n}`);
  return first === last ? text(first) : `${text(first)}–${text(last)}`;
}
