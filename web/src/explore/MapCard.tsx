/** The card beside the map under the pointer: the map in large, its filter, its statistics. */
import { useEffect, useRef, useState } from "preact/hooks";
import { mapCanvas, prepare, px } from "../draw/canvas";
import { scaleOf } from "../draw/colour";
import { percent, short } from "../draw/numbers";
import { proportioned } from "../draw/proportions";
import { t } from "../i18n";
import { familyOf } from "../kinds/kinds";
import { asMaps, channel as channelOf } from "../model/tensor";
import { classOf } from "../shell/layerText";
import { activations, hovered, steps, scales, theme, weights } from "../state";
import { hostOf, shownTree } from "./folding";

/** Of the map in large. */
const SIDE = 160;
const MOST_KERNELS = 32;

export function MapCard() {
  const over = hovered.value;
  const card = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [place, setPlace] = useState<{ left: number; top: number } | null>(null);
  const step = over?.layer ? steps.value.get(over.layer) : undefined;
  const values = over?.layer ? activations.value?.layers.get(over.layer) : undefined;
  const shown = theme.value;
  useEffect(() => {
    if (!step || !values || !canvas.current || !over || step.output.length !== 3) return;
    const [, rowsOf, columnsOf] = asMaps(step.output);
    const { width, height } = proportioned(rowsOf, columnsOf, SIDE);
    const context = prepare(canvas.current, width, height);
    const scale = scales.value.get(step.name) ?? 1;
    const map = mapCanvas(channelOf(values, over.channel), columnsOf, rowsOf, shown, scale);
    context.drawImage(map, 0, 0, width, height);
  }, [over, values, shown]);
  // last, when all that is drawn in the card has its size
  useEffect(() => {
    if (!over || !card.current) return;
    const column = document.querySelector(`[data-layer="${CSS.escape(over.layer ?? "")}"]`);
    const network = card.current.offsetParent?.getBoundingClientRect();
    const box = column?.getBoundingClientRect();
    if (!box || !network) return;
    const { offsetWidth: width, offsetHeight: height } = card.current;
    // beside the column, on the side that leaves free what the map is made from
    const right = box.right + 14 - network.left;
    const source = document.querySelector(`[data-layer="${CSS.escape(hostOf(shownTree.value, step?.source[0] ?? ""))}"]`);
    const before = Math.min(box.left, source?.getBoundingClientRect().left ?? box.left);
    const left = before - network.left - width - 14;
    const last = network.width - width - 6;
    setPlace({ left: right <= last ? right : left >= 6 ? left : last, top: Math.max(6, Math.min(box.top - network.top + 40, network.height - height - 6)) });
  }, [over?.layer]);
  if (!over || !step || !values) return null;
  const map = channelOf(values, over.channel);
  let [least, most, sum, zeros] = [Infinity, -Infinity, 0, 0];
  for (const value of map) {
    least = Math.min(least, value);
    most = Math.max(most, value);
    sum += value;
    if (value === 0) zeros++;
  }
  const filtered = familyOf(step.kind) === "correlation";
  const name = classOf(step, over.channel);
  return (
    <div class="map-card" ref={card} style={place ? px(place) : { visibility: "hidden" }} aria-live="polite">
      <strong>
        {step.name} ·{" "}
        {name === null
          ? t(filtered ? "card.filter" : step.output.length === 3 ? "card.map" : "card.feature", { n: over.channel })
          : t("card.class", { name })}
      </strong>
      {step.output.length === 3 && <canvas ref={canvas} />}
      {filtered && <Kernels layer={step.name} filter={over.channel} />}
      {map.length > 1 ? (
        <dl>
          <dt>{t("card.least")}</dt>
          <dd>{short(least)}</dd>
          <dt>{t("card.mean")}</dt>
          <dd>{short(sum / map.length)}</dd>
          <dt>{t("card.most")}</dt>
          <dd>{short(most)}</dd>
          <dt>{t("card.zeros")}</dt>
          <dd>{percent(zeros / map.length, 0)}</dd>
        </dl>
      ) : (
        <dl>
          <dt>{t("card.value")}</dt>
          <dd>{short(map[0]!)}</dd>
        </dl>
      )}
    </div>
  );
}

/** The filter's weights, one square a channel; the first ones where there are many. */
function Kernels({ layer, filter }: { layer: string; filter: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const weight = weights.value?.tensors.get(`${layer}.weight`);
  const shown = theme.value;
  const depth = weight?.shape[1] ?? 1;
  const many = Math.min(depth, MOST_KERNELS);
  useEffect(() => {
    if (!weight || !canvas.current) return;
    const [, , height, width] = weight.shape as [number, number, number, number];
    const taps = height * width;
    const own = weight.data.subarray(filter * depth * taps, (filter + 1) * depth * taps);
    const scale = scaleOf(own);
    const across = Math.min(many, 8);
    const size = proportioned(height, width, many === 1 ? 60 : Math.floor((SIDE - (across - 1) * 3) / across));
    const down = Math.ceil(many / across);
    const context = prepare(canvas.current, across * (size.width + 3) - 3, down * (size.height + 3) - 3);
    for (let k = 0; k < many; k++) {
      const kernel = mapCanvas(own.subarray(k * taps, (k + 1) * taps), width, height, shown, scale);
      const [x, y] = [(k % across) * (size.width + 3), Math.floor(k / across) * (size.height + 3)];
      context.drawImage(kernel, x, y, size.width, size.height);
    }
  }, [weight, filter, shown]);
  if (!weight) return null;
  return (
    <figure>
      <canvas ref={canvas} />
      <figcaption>
        {t("card.kernel", { size: weight.shape.slice(2).join("×"), n: depth })}
        {depth > many ? ` ${t("card.firstKernels", { n: many })}` : ""}
      </figcaption>
    </figure>
  );
}
