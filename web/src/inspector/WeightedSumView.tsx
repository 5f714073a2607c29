/** One output of a linear layer: the contributions that made it, the strongest first. */
import { useEffect, useRef } from "preact/hooks";
import { mapCanvas, prepare } from "../draw/canvas";
import { scaleOf } from "../draw/colour";
import { short } from "../draw/numbers";
import { proportioned } from "../draw/proportions";
import { t } from "../i18n";
import { classOf } from "../shell/layerText";
import { theme } from "../state";
import type { WeightedSum } from "../windows/computation";
import { cellAt } from "../windows/cells";
import { byMap, strongest } from "../windows/weightedSum";
import { Bar, Part, Then, Total, type ViewProps } from "./parts";

const SHOWN = 10;

export function WeightedSumView({ step, cell, computation }: ViewProps<WeightedSum>) {
  const { top, rest } = strongest(computation.products, SHOWN);
  const largest = Math.abs(top[0]?.value ?? 1) || 1;
  const answer = classOf(step, cell[0]!);
  return (
    <>
      {computation.maps && computation.maps[1] * computation.maps[2] > 1 && <Maps computation={computation} maps={computation.maps} />}
      <Part title={t("linear.strongest", { n: Math.min(SHOWN, computation.products.length), of: computation.products.length })} grow dense>
        <table class="contributions">
          <tbody>
            {top.map(({ index, value }) => (
              <tr key={index}>
                <th scope="row">{nameOf(index, computation.maps)}</th>
                <td class="number">
                  {short(computation.patch[index]!)} × {short(computation.kernel[index]!)}
                </td>
                <td class="wide">
                  <Bar share={value / largest} />
                </td>
                <td class="number">{short(value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Part>
      <Then sign="→">
        <Part title={answer === null ? t("inspector.feature", { index: cell[0]! }) : t("linear.class", { name: answer })}>
          <Total
            terms={[
              [t("linear.top", { n: top.length }), top.reduce((sum, one) => sum + one.value, 0)],
              ...(computation.products.length > top.length ? [[`+ ${t("linear.rest")}`, rest] as [string, number]] : []),
              ...(computation.bias === null ? [] : [[`+ ${t("part.bias")}`, computation.bias] as [string, number]]),
            ]}
            total={computation.total}
          />
        </Part>
      </Then>
    </>
  );
}

function nameOf(index: number, maps: WeightedSum["maps"]): string {
  if (!maps) return t("linear.feature", { index });
  const [map, row, column] = cellAt(maps, index) as [number, number, number];
  return maps[1] * maps[2] === 1 ? t("part.map", { n: map }) : t("linear.place", { map, row, column });
}

/** The products, laid out again as the maps that flatten took apart. */
function Maps({ computation, maps }: { computation: WeightedSum; maps: [number, number, number] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const shown = theme.value;
  const [count, height, width] = maps;
  const order = strongest(byMap(computation.products, maps), 24).top;
  useEffect(() => {
    const tile = proportioned(height, width, 44);
    const across = 6;
    const [right, below] = [tile.width + 4, tile.height + 4];
    const context = prepare(canvas.current!, across * right - 4, Math.ceil(order.length / across) * below - 4);
    const scale = scaleOf(computation.products);
    order.forEach(({ index }, i) => {
      const part = computation.products.subarray(index * height * width, (index + 1) * height * width);
      const [x, y] = [(i % across) * right, Math.floor(i / across) * below];
      context.drawImage(mapCanvas(part, width, height, shown, scale), x, y, tile.width, tile.height);
    });
  }, [computation, shown]);
  return (
    <Part title={t("linear.maps")} note={t("linear.mapsNote", { n: order.length, of: count })}>
      <canvas ref={canvas} role="img" aria-label={t("linear.maps")} />
    </Part>
  );
}
