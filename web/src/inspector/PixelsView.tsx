/** The image as the numbers it is: zoom until they stand in the cells; RGB together or as three planes. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { pictureCanvas, prepare } from "../draw/canvas";
import { OVER_IMAGE, readable } from "../draw/colour";
import { drawAttribution } from "../draw/overlay";
import { shapeText, short } from "../draw/numbers";
import { t } from "../i18n";
import type { Model } from "../model/contract";
import { legendText, methodText } from "../shell/methodText";
import { activations, attribution, selected, type Place } from "../state";
import { bringIntoView, takeFocus } from "./focus";

/** A cell must be so wide for its number to be legible, and for three of them above each other. */
const [LEGIBLE, LEGIBLE_RGB] = [22, 40];
const WIDEST = 84;
/** Stands for all planes together. */
const TOGETHER = 3;

/** The place that shows all of an image. */
export function wholeImage(of: Model): Place {
  return { layer: null, cell: [of.network.input[0] === 3 ? TOGETHER : 0, 0, 0] };
}

export function PixelsView({ plane }: { plane: number }) {
  const image = activations.value!.image;
  const [channels, height, width] = image.shape as [number, number, number];
  const section = useRef<HTMLElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [unit, setUnit] = useState(8);
  const [at, setAt] = useState<[number, number]>([Math.floor(height / 2), Math.floor(width / 2)]);
  const cells = height * width;
  const planes = plane < channels ? [plane] : [0, 1, 2];
  const value = (y: number, x: number, c: number) => image.data[c * cells + y * width + x]!;
  const [covered, setCovered] = useState(true);
  const why = covered ? attribution.value : null;
  const zoom = (by: number) => setUnit((now) => Math.max(3, Math.min(WIDEST, Math.round(now * by))));

  useEffect(() => bringIntoView(section.current!), []);
  useEffect(() => takeFocus(section.current!), []);

  // at first as large as the whole image fits
  useLayoutEffect(() => {
    const { clientWidth, clientHeight } = frame.current!;
    setUnit(Math.max(4, Math.min(WIDEST, Math.floor(clientWidth / width), Math.floor(clientHeight / height))));
  }, [width, height]);

  useLayoutEffect(() => {
    const context = prepare(canvas.current!, width * unit, height * unit);
    context.drawImage(pictureCanvas(image, planes.length === 1 && channels > 1 ? plane : undefined), 0, 0, width * unit, height * unit);
    if (why) drawAttribution(context, why, width * unit, height * unit);
    else if (unit >= (planes.length === 1 ? LEGIBLE : LEGIBLE_RGB)) {
      const line = unit / (planes.length + 0.4);
      context.font = `${Math.min(14, Math.floor(planes.length === 1 ? unit * 0.38 : line * 0.85))}px ui-monospace, monospace`;
      context.textAlign = "center";
      context.textBaseline = "middle";
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const ground = [0, 1, 2].map((c) =>
            channels === 1 ? value(y, x, 0) : planes.includes(c) ? value(y, x, c) : 0,
          ) as [number, number, number];
          context.fillStyle = readable(...ground);
          planes.forEach((c, i) => {
            const shown = value(y, x, c);
            context.globalAlpha = shown === 0 && planes.length === 1 ? 0.35 : 1;
            context.fillText(String(shown), (x + 0.5) * unit, (y + 0.5) * unit + (i - (planes.length - 1) / 2) * line);
          });
        }
      }
      context.globalAlpha = 1;
    }
    // black around orange: seen on every colour
    for (const [thick, colour] of [[5, "#000"], [2, OVER_IMAGE.frame]] as const) {
      context.lineWidth = thick;
      context.strokeStyle = colour;
      context.strokeRect(at[1] * unit, at[0] * unit, unit, unit);
    }
  }, [image, plane, unit, at, why]);

  // what is marked stays in view, wherever it is and however large
  useLayoutEffect(() => {
    const { clientWidth, clientHeight, scrollLeft, scrollTop } = frame.current!;
    const place = (from: number, to: number, start: number, room: number) =>
      from < start || to > start + room ? (from + to) / 2 - room / 2 : start;
    frame.current!.scrollTo({
      left: place(at[1] * unit, (at[1] + 1) * unit, scrollLeft, clientWidth),
      top: place(at[0] * unit, (at[0] + 1) * unit, scrollTop, clientHeight),
    });
  }, [at, unit]);

  const normalised = (c: number) => activations.value!.normalised.data[c * cells + at[0] * width + at[1]]!;
  return (
    <section ref={section} class="inspector pixels" aria-label={t("pixels.label")} data-testid="pixels">
      <header>
        <div class="what">
          <h2>
            {t("pixels.title")}
            <small>{shapeText(image.shape)}</small>
          </h2>
          {why && <p class="about">{legendText(why.method)}</p>}
        </div>
        <p class="where">
          {t("pixels.value", {
            row: at[0],
            column: at[1],
            value: planes.map((c) => value(...at, c)).join(", "),
            normalised: planes.map((c) => short(normalised(c))).join(", "),
          })}
        </p>
        {channels === 3 && (
          <div class="segmented" role="group" aria-label={t("pixels.planes")}>
            {["R", "G", "B", "RGB"].map((name, index) => (
              <button
                key={name}
                aria-pressed={plane === index}
                onClick={() => (selected.value = { layer: null, cell: [index, 0, 0] })}
              >
                {name}
              </button>
            ))}
          </div>
        )}
        {attribution.value && (
          <div class="segmented" role="group" aria-label={t("why.title")}>
            <button aria-pressed={covered} onClick={() => setCovered(true)}>
              {methodText(attribution.value.method)}
            </button>
            <button aria-pressed={!covered} onClick={() => setCovered(false)}>
              {t("pixels.title")}
            </button>
          </div>
        )}
        <div class="player" role="group" aria-label={t("zoom.label")}>
          <button onClick={() => zoom(1 / 1.35)} aria-label={t("zoom.smaller")}>
            −
          </button>
          <button onClick={() => zoom(1.35)} aria-label={t("zoom.larger")}>
            +
          </button>
        </div>
        <button class="close" onClick={() => (selected.value = null)} aria-label={t("close")} title={t("close")}>
          ×
        </button>
      </header>
      <div
        class="pixel-frame"
        ref={frame}
        tabIndex={0}
        role="application"
        aria-label={t("pixels.label")}
        onWheel={(event) => {
          if (!event.ctrlKey) return;
          event.preventDefault();
          zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15);
        }}
        onKeyDown={(event) => {
          const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
          if (event.key === "+" || event.key === "-") zoom(event.key === "+" ? 1.35 : 1 / 1.35);
          else if (move) {
            const clamp = (n: number, size: number) => Math.max(0, Math.min(size - 1, n));
            setAt([clamp(at[0] + move[0]!, height), clamp(at[1] + move[1]!, width)]);
          } else return;
          event.preventDefault();
        }}
      >
        <canvas
          ref={canvas}
          onClick={(event) => setAt([Math.floor(event.offsetY / unit), Math.floor(event.offsetX / unit)])}
        />
      </div>
    </section>
  );
}
