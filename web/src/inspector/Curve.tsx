/** The curve of an activation function with the point that this cell is on. */
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import { POINTWISE } from "../kinds/pointwise";
import type { Pointwise } from "../windows/computation";

const SIDE = 170;

export function Curve({ computation }: { computation: Pointwise }) {
  const { value: x, total: y } = computation;
  const of = (at: number) => POINTWISE[computation.kind].value(at, computation.numbers);
  const reach = Math.max(2, Math.abs(x) * 1.25);
  const points = Array.from({ length: 81 }, (_, i) => -reach + (2 * reach * i) / 80);
  const values = points.map(of);
  const most = Math.max(...values);
  const across = scaleLinear([-reach, reach], [8, SIDE - 8]);
  const up = scaleLinear([Math.min(-0.35 * most, ...values), most], [SIDE - 8, 8]);
  const path = line<number>(
    (at) => across(at),
    (at) => up(of(at)),
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
