/** The first column: the image as the network gets it, what a cell sees of it, and why. */
import { useEffect, useRef } from "preact/hooks";
import { pictureCanvas, prepare, px } from "../draw/canvas";
import { OVER_IMAGE } from "../draw/colour";
import type { Size } from "../draw/proportions";
import { t } from "../i18n";
import { shapeText } from "../draw/numbers";
import { activations, attribution, model, steps, selected, theme } from "../state";
import { onGrid, receptiveField, type Region } from "../windows/geometry";
import { drawAttribution } from "../draw/overlay";
import { wholeImage } from "../inspector/PixelsView";
import type { Column } from "./layout";

/** The pixels that the selected cell can depend on. */
export function seen(): Region | null {
  const place = selected.value;
  const step = place?.layer ? steps.value.get(place.layer) : undefined;
  return place && step ? receptiveField(step, ...onGrid(steps.value, step, place.cell)) : null;
}

export function ImageColumn({ column }: { column: Column }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const image = activations.value?.image ?? null;
  const region = seen();
  const why = attribution.value;
  const colours = model.value!.network.input[0] === 3;
  const [, rowsOf, columnsOf] = model.value!.network.input;
  const { width, height } = column.tile;

  const third = Math.floor((width - 12) / 3);

  useEffect(() => {
    const context = prepare(canvas.current!, width, height);
    if (!image) {
      context.fillStyle = "#000";
      context.fillRect(0, 0, width, height);
      return;
    }
    context.drawImage(pictureCanvas(image), 0, 0, width, height);
    if (why) drawAttribution(context, why, width, height);
    if (region) {
      const [unitX, unitY] = [width / columnsOf, height / rowsOf];
      context.save();
      const x = Math.max(region.firstColumn, 0) * unitX;
      const y = Math.max(region.firstRow, 0) * unitY;
      const right = Math.min(region.lastColumn + 1, columnsOf) * unitX;
      const bottom = Math.min(region.lastRow + 1, rowsOf) * unitY;
      context.fillStyle = "rgba(0,0,0,.38)";
      context.beginPath();
      context.rect(0, 0, width, height);
      context.rect(x, y, right - x, bottom - y);
      context.fill("evenodd");
      const frame = [x + 1, y + 1, Math.max(2, right - x - 2), Math.max(2, bottom - y - 2)] as const;
      // an attribution below it may be orange too
      for (const [thick, colour] of [[4, "#000"], [2, OVER_IMAGE.frame]] as const) {
        context.lineWidth = thick;
        context.strokeStyle = colour;
        context.strokeRect(...frame);
      }
      context.restore();
    }
  }, [image, region, why, theme.value, width, height]);

  return (
    <div class="layer image" style={px({ left: column.x, top: column.y, width: column.width })} data-layer="">
      <header>
        <h3>{t("image.title")}</h3>
        <p class="shape">{shapeText(model.value!.network.input)}</p>
      </header>
      <button
        class="plain"
        aria-label={t("image.open")}
        title={t("image.open")}
        onClick={() => (selected.value = wholeImage(model.value!))}
      >
        <canvas ref={canvas} />
      </button>
      {colours && (
        <div class="planes" style={px({ width })}>
          {["R", "G", "B"].map((name, plane) => (
            <Plane key={name} name={name} plane={plane} width={third} height={Math.round((third * height) / width)} />
          ))}
        </div>
      )}
      <p class="caption">{t("image.caption")}</p>
    </div>
  );
}

function Plane({ name, plane, width, height }: { name: string; plane: number } & Size) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const image = activations.value?.image ?? null;
  useEffect(() => {
    const context = prepare(canvas.current!, width, height);
    context.fillStyle = "#000";
    context.fillRect(0, 0, width, height);
    if (image) context.drawImage(pictureCanvas(image, plane), 0, 0, width, height);
  }, [image, width, height]);
  return (
    <button
      class="plain plane"
      onClick={() => (selected.value = { layer: null, cell: [plane, 0, 0] })}
      aria-label={t("image.plane", { name })}
    >
      <canvas ref={canvas} />
      <span>{name}</span>
    </button>
  );
}
