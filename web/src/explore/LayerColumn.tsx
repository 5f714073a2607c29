/** One layer of the network: its header and all of its maps on one canvas. */
import { useEffect, useRef, useState } from "preact/hooks";
import { imageCanvas, prepare, px } from "../draw/canvas";
import { css, paint, type Theme } from "../draw/colour";
import { fixed, grouped, shapeText } from "../draw/numbers";
import { t } from "../i18n";
import { doesText, kindText } from "../shell/layerText";
import { settingsText } from "../shell/settingsText";
import { asMaps, type Tensor } from "../model/tensor";
import { activations, hovered, model, scales, selected, theme } from "../state";
import { arrived, centre, choose, movedMap } from "./choosing";
import { openFolded } from "./folding";
import { gridSize, hit, tileRect, type Column } from "./layout";

export function LayerColumn({ column }: { column: Column }) {
  const step = column.step!;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [near, setNear] = useState(false);
  const values = activations.value?.layers.get(step.name) ?? null;
  const scale = scales.value.get(step.name) ?? 1;
  const shown = theme.value;
  const focusChannel = selected.value?.layer === step.name ? selected.value.cell[0]! : null;
  const { width, height } = gridSize(column);

  // what is scrolled out of sight is not drawn
  useEffect(() => {
    const observer = new IntersectionObserver(([entry]) => setNear(entry!.isIntersecting), {
      rootMargin: "300px",
    });
    observer.observe(canvas.current!);
    return () => observer.disconnect();
  }, []);

  const classes = model.value?.classes ?? [];
  useEffect(() => {
    if (!near) return;
    const context = prepare(canvas.current!, width, height);
    if (column.form === "classes") drawClasses(context, column, values, classes, scale, shown);
    else drawMaps(context, column, values, scale, shown);
  }, [near, values, column, shown, scale, classes]);

  const at = (event: PointerEvent | MouseEvent) => {
    const box = canvas.current!.getBoundingClientRect();
    return hit(column, event.clientX - box.left, event.clientY - box.top);
  };
  const parameters = step.parameters ? t("layer.parameters", { n: grouped(step.parameters) }) : "";
  const settings = settingsText(step.settings, t);
  const fits = step.settings.length * 6.1 < column.width && step.settings !== shapeText(step.output);
  const about = fits ? settings : "";
  return (
    <div
      class={`layer${focusChannel !== null ? " is-open" : ""}${arrived.value === step.name ? " is-arrived" : ""}`}
      style={px({ left: column.x, top: column.y, width: column.width })}
      data-layer={step.name}
    >
      <header title={`${kindText(step)} ${settings}`}>
        <h3>
          {step.name.split(".").pop()}
          {column.folded.length > 0 && (
            <button
              class="folded"
              onClick={() => openFolded(step.name)}
              aria-label={t("layer.unfold", { n: column.folded.length, name: step.name, names: names(column) })}
              title={t("layer.folded", { names: names(column) })}
            >
              +{column.folded.length}
            </button>
          )}
        </h3>
        <p class="does">{doesText(step)}</p>
        {about && <p>{about}</p>}
        <p class="shape">{shapeText(step.output)}</p>
        {!about && parameters && <p>{parameters}</p>}
      </header>
      <canvas
        ref={canvas}
        class="maps"
        style={px({ width, height })}
        tabIndex={0}
        role="application"
        aria-label={t("layer.label", {
          name: step.name,
          kind: kindText(step),
          shape: shapeText(step.output),
          n: step.output[0]!,
        })}
        onPointerMove={(event) => {
          if (event.pointerType === "touch") return;
          const place = at(event);
          const now = hovered.peek();
          if (!place) hovered.value = null;
          else if (now?.layer !== step.name || now.channel !== place.channel) {
            hovered.value = { layer: step.name, channel: place.channel };
          }
        }}
        onPointerLeave={() => (hovered.value = null)}
        onClick={(event) => {
          const place = at(event);
          if (place) choose(step, place.channel, place.row, place.column);
        }}
        onFocus={() => {
          if (!canvas.current!.matches(":focus-visible")) return;
          hovered.value = { layer: step.name, channel: focusChannel ?? 0 };
        }}
        onBlur={() => (hovered.value = null)}
        onKeyDown={(event) => {
          const now = hovered.peek();
          const channel = now?.layer === step.name ? now.channel : (focusChannel ?? 0);
          const next = movedMap(event.key, channel, column.across, step.output[0]!);
          if (next !== null) hovered.value = { layer: step.name, channel: next };
          else if (event.key === "Enter" || event.key === " ") choose(step, channel, ...centre(step));
          else return;
          event.preventDefault();
        }}
      />
    </div>
  );
}

function names(column: Column): string {
  return column.folded.map((step) => step.name.split(".").pop()).join(", ");
}

function drawMaps(
  context: CanvasRenderingContext2D,
  column: Column,
  values: Tensor | null,
  scale: number,
  shown: Theme,
): void {
  const [count, rows, columns] = asMaps(column.step!.output);
  const cells = rows * columns;
  context.imageSmoothingEnabled = false;
  if (!values) {
    context.fillStyle = css(0, shown, 1);
    for (let channel = 0; channel < count; channel++) {
      const at = tileRect(column, channel);
      context.fillRect(at.x - column.x, at.y - column.top, at.width, at.height);
    }
    return;
  }
  // all maps as one tall image, each scaled into its place
  const pixels = new Uint8ClampedArray(4 * count * cells);
  paint(values.data, pixels, shown, scale);
  const sheet = imageCanvas(pixels, columns, rows * count);
  for (let channel = 0; channel < count; channel++) {
    const at = tileRect(column, channel);
    const place = [at.x - column.x, at.y - column.top, at.width, at.height] as const;
    context.drawImage(sheet, 0, channel * rows, columns, rows, ...place);
  }
}

/** A text that fits a width, with a sign where it was cut. */
function shortened(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let kept = text;
  while (kept && context.measureText(`${kept}…`).width > width) kept = kept.slice(0, -1);
  return `${kept}…`;
}

function drawClasses(
  context: CanvasRenderingContext2D,
  column: Column,
  values: Tensor | null,
  classes: readonly string[],
  scale: number,
  shown: Theme,
): void {
  const style = getComputedStyle(document.documentElement);
  const [ink, faint] = [style.getPropertyValue("--ink"), style.getPropertyValue("--ink-3")];
  const share = column.step!.kind === "softmax";
  const { label } = column;
  const room = column.width - label - 4;
  context.textBaseline = "middle";
  for (let i = 0; i < column.down; i++) {
    const value = values?.data[i] ?? 0;
    const middle = (i + 0.5) * column.tile.height;
    const zero = share ? label : label + room / 2;
    const length = (value / scale) * (share ? room : room / 2);
    context.fillStyle = css(0, shown, 1);
    context.fillRect(label, middle - 6, room, 12);
    context.fillStyle = css(Math.sign(value) * 0.62, shown, 1);
    context.fillRect(Math.min(zero, zero + length), middle - 6, Math.abs(length), 12);
    context.font = "12px system-ui, sans-serif";
    context.fillStyle = ink;
    context.textAlign = "left";
    context.fillText(shortened(context, classes[i] ?? String(i), label - 6), 0, middle);
    if (!values) continue;
    context.font = "10px system-ui, sans-serif";
    context.fillStyle = faint;
    if (!share) {
      // on the side of zero that the bar leaves free
      context.textAlign = value < 0 ? "left" : "right";
      context.fillText(fixed(value, Math.abs(value) < 100 ? 1 : 0), zero + (value < 0 ? 3 : -3), middle);
      continue;
    }
    context.textAlign = "right";
    context.fillStyle = ink;
    context.fillText(fixed(value, 2), column.width - 5, middle);
  }
}
