/** Curves over the epochs: of the training images, and of the validation images. */
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import { useEffect, useRef, useState } from "preact/hooks";
import { short } from "../draw/numbers";
import { t } from "../i18n";
import { apart } from "./curves";

export interface Series {
  name: string;
  className: string;
  values: (number | null)[];
}

const HEIGHT = 250;
const MARGIN = { top: 12, right: 66, bottom: 30, left: 52 };

interface Props {
  title: string;
  /** What the curve says, in a sentence. */
  means: string;
  epochs: number[];
  /** How many there will be: the axis does not move while they come in. */
  most: number;
  series: Series[];
  best?: number | undefined;
  format?: (value: number) => string;
  testid: string;
}

export function Chart({ title, means, epochs, most, series, best, format = short, testid }: Props) {
  const frame = useRef<HTMLElement>(null);
  const [width, setWidth] = useState(520);
  const [over, setOver] = useState<number | null>(null);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(entry!.contentRect.width));
    observer.observe(frame.current!);
    return () => observer.disconnect();
  }, []);
  const all = series.flatMap((one) => one.values).filter((value) => value !== null);
  const [low, high] = [Math.min(...all, Infinity), Math.max(...all, -Infinity)];
  const room = high > low ? (high - low) * 0.06 : 0.05;
  const x = scaleLinear([1, Math.max(2, most)], [MARGIN.left, width - MARGIN.right]);
  const y = scaleLinear([low - room, high + room], [HEIGHT - MARGIN.bottom, MARGIN.top]);
  const shown = over ?? epochs.length - 1;
  const lasts = series.map((one) => one.values.findLast((value) => value !== null) ?? null);
  const ends = apart(lasts.map((value) => (value === null ? null : y(value))));
  return (
    <section class="chart" ref={frame} aria-label={title}>
      <header>
        <h3>{title}</h3>
        <p class="quiet">{means}</p>
        <ul>
          {series.map((one) => (
            <li key={one.name} class={one.className}>
              <i />
              {one.name} <b>{one.values[shown] != null ? format(one.values[shown]!) : "–"}</b>
            </li>
          ))}
          <li class="quiet">{epochs.length > 0 && t("training.atEpoch", { n: epochs[shown] ?? 0 })}</li>
        </ul>
      </header>
      <svg
        width={width}
        height={HEIGHT}
        data-testid={testid}
        data-points={epochs.length}
        role="img"
        aria-label={`${title}: ${series
          .map((one) => `${one.name} ${one.values.length ? format(one.values[one.values.length - 1] ?? 0) : ""}`)
          .join(", ")}`}
        onPointerMove={(event) => {
          const at = Math.round(x.invert(event.offsetX));
          const index = epochs.reduce((near, epoch, i) => (Math.abs(epoch - at) < Math.abs(epochs[near]! - at) ? i : near), 0);
          setOver(epochs.length ? index : null);
        }}
        onPointerLeave={() => setOver(null)}
      >
        {y.ticks(5).map((tick) => (
          <g key={tick}>
            <line class="grid" x1={MARGIN.left} x2={width - MARGIN.right} y1={y(tick)} y2={y(tick)} />
            <text class="tick" x={MARGIN.left - 8} y={y(tick)} dy="0.35em" text-anchor="end">
              {format(tick)}
            </text>
          </g>
        ))}
        {x
          .ticks(Math.min(10, most))
          .filter((tick) => Number.isInteger(tick))
          .map((tick) => (
            <text key={tick} class="tick" x={x(tick)} y={HEIGHT - 10} text-anchor="middle">
              {tick}
            </text>
          ))}
        <text class="tick" x={width - MARGIN.right + 12} y={HEIGHT - 10}>
          {t("training.epoch")}
        </text>
        {best !== undefined && (
          <line class="best" x1={x(best)} x2={x(best)} y1={MARGIN.top} y2={HEIGHT - MARGIN.bottom} />
        )}
        {series.map((one, index) => {
          const points = one.values
            .map((value, i) => [epochs[i]!, value] as const)
            .filter((point): point is readonly [number, number] => point[1] !== null);
          const path = line<readonly [number, number]>(
            (point) => x(point[0]),
            (point) => y(point[1]),
          )(points);
          const last = points[points.length - 1];
          const at = one.values[shown];
          return (
            <g key={one.name} class={one.className}>
              <path class="curve-line" d={path ?? ""} />
              {at != null && <circle cx={x(epochs[shown]!)} cy={y(at)} r={4} />}
              {last && over === null && (
                <text class="end" x={x(last[0]) + 10} y={ends[index]!} dy="0.35em">
                  {format(last[1])}
                </text>
              )}
            </g>
          );
        })}
      </svg>
    </section>
  );
}
