/** The curve of an activation function with the point that this cell is on. */
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import { erf } from "../windows/erf";

const SIDE = 170;

function value(kind: string, slope: number, x: number): number {
  if (kind === "relu") return Math.max(0, x);
  if (kind === "leaky_relu") return x > 0 ? x : slope * x;
  if (kind === "silu") return x / (1 + Math.exp(-x));
  return x * 0.5 * (1 + erf(x / Math.SQRT2));
}

export function Curve({ kind, slope, x, y }: { kind: string; slope: number; x: number; y: number }) {
  const reach = Math.max(2, Math.abs(x) * 1.25);
  const across = scaleLinear([-reach, reach], [8, SIDE - 8]);
  const up = scaleLinear([-reach * 0.35, reach], [SIDE - 8, 8]);
  const points = Array.from({ length: 81 }, (_, i) => -reach + (2 * reach * i) / 80);
  const path = line<number>(
    (at) => across(at),
    (at) => up(value(kind, slope, at)),
  )(points);
  return (
    <svg class="curve" viewBox={`0 0 ${SIDE} ${SIDE}`} width={SIDE} height={SIDE} aria-hidden="true">
      <line class="axis" x1={8} x2={SIDE - 8} y1={up(0)} y2={up(0)} />
      <line class="axis" x1={across(0)} x2={across(0)} y1={8} y2={SIDE - 8} />
      <path d={path ?? ""} />
      <line class="drop" x1={across(x)} x2={across(x)} y1={up(0)} y2={up(y)} />
      <circle cx={across(x)} cy={up(y)} r={5} />
    </svg>
  );
}
