/** An attribution over the image that it explains: what speaks for the class, and against it. */
import type { Attribution } from "../model/types";
import { imageCanvas } from "./canvas";
import { OVER_IMAGE, scaleOf } from "./colour";

/** Orange where pixels speak for the class, blue against it; opaque where they do so most. */
export function drawAttribution(
  context: CanvasRenderingContext2D,
  why: Attribution,
  width: number,
  height: number,
): void {
  const scale = scaleOf(why.map);
  const pixels = new Uint8ClampedArray(why.map.length * 4);
  why.map.forEach((value, i) => {
    const share = Math.min(1, Math.abs(value) / scale);
    const colour = value >= 0 ? OVER_IMAGE.plus : OVER_IMAGE.minus;
    pixels.set([...colour, Math.round(225 * Math.sqrt(share))], 4 * i);
  });
  context.save();
  context.fillStyle = "rgba(0,0,0,.35)";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingEnabled = why.method === "grad-cam";
  context.drawImage(imageCanvas(pixels, why.width, why.height), 0, 0, width, height);
  context.restore();
}
