/** Canvases that are sharp on every screen, and arrays as images on them. */
import { paint, type Theme } from "./colour";

/** Give a canvas a size in CSS pixels and return its context in those units, cleared. */
export function prepare(canvas: HTMLCanvasElement, width: number, height: number) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d")!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.imageSmoothingEnabled = false;
  return context;
}

/** A canvas that holds an image of `width` x `height` cells. */
export function imageCanvas(pixels: Uint8ClampedArray<ArrayBuffer>, width: number, height: number) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d")!.putImageData(new ImageData(pixels, width, height), 0, 0);
  return canvas;
}

/** One map as an image. */
export function mapCanvas(
  values: ArrayLike<number>,
  width: number,
  height: number,
  theme: Theme,
  scale: number,
) {
  const pixels = new Uint8ClampedArray(width * height * 4);
  paint(values, pixels, theme, scale);
  return imageCanvas(pixels, width, height);
}

/** An image of 0 to 255, `(C, H, W)` with one or three channels, or one plane of it. */
export function pictureCanvas(image: { shape: number[]; data: ArrayLike<number> }, plane?: number) {
  const [channels, height, width] = image.shape as [number, number, number];
  const cells = height * width;
  const pixels = new Uint8ClampedArray(cells * 4);
  for (let i = 0; i < cells; i++) {
    for (let c = 0; c < 3; c++) {
      const own = plane ?? Math.min(c, channels - 1);
      const shown = plane === undefined || channels === 1 || plane === c ? image.data[own * cells + i]! : 0;
      pixels[4 * i + c] = shown;
    }
    pixels[4 * i + 3] = 255;
  }
  return imageCanvas(pixels, width, height);
}

/** Lengths as a style. */
export function px<T extends Record<string, number>>(lengths: T): Record<keyof T, string> {
  return Object.fromEntries(Object.entries(lengths).map(([name, length]) => [name, `${length}px`])) as Record<
    keyof T,
    string
  >;
}
