/** Light strokes on a dark ground, framed as MNIST's digits are. */
import { cover } from "./fit";
import { border, grey, median, paste, roundEven, type Raster } from "./raster";
import { BILINEAR, BOX, reduce, resize } from "./resize";

export function framed(original: Raster, width: number, height: number): Raster {
  let image = grey(original);
  // a photo may have millions of pixels; the digit keeps its shape at a few hundred
  const shrink = Math.max(1, Math.floor(Math.min(image.width, image.height) / 256));
  if (shrink > 1) image = reduce(image, shrink);
  const edge = border(image);
  const middle = median(edge);
  const ground = middle + 2 * median(edge.map((value) => Math.abs(value - middle)));
  const strokes = Float64Array.from(image.data, (value) => Math.max(0, value - ground));
  const largest = strokes.reduce((most, value) => Math.max(most, value), 0);
  if (largest < 16) return cover(grey(original), width, height);
  const gain = 255 / largest;
  for (let i = 0; i < strokes.length; i++) {
    const value = strokes[i]! * gain;
    strokes[i] = value < 48 ? 0 : value;
  }
  const box = boxed(strokes, image.width, image.height);
  const scale = Math.min((width * 20) / 28 / box.width, (height * 20) / 28 / box.height);
  const size = [
    Math.max(1, roundEven(box.width * scale)),
    Math.max(1, roundEven(box.height * scale)),
  ] as const;
  const small = resize(box, ...size, scale < 1 ? BOX : BILINEAR);
  const [x, y] = centreOfMass(small);
  const place = (room: number, centre: number, length: number) =>
    Math.min(Math.max(0, roundEven(room / 2 - centre)), room - length);
  const canvas: Raster = { width, height, channels: 1, data: new Uint8Array(width * height) };
  paste(canvas, small, place(width, x, size[0]), place(height, y, size[1]));
  return canvas;
}

/** The smallest rectangle that holds every stroke. */
function boxed(strokes: Float64Array, width: number, height: number): Raster {
  let [left, right, top, bottom] = [width, 0, height, 0];
  strokes.forEach((value, i) => {
    if (!value) return;
    const [y, x] = [Math.floor(i / width), i % width];
    left = Math.min(left, x);
    right = Math.max(right, x + 1);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y + 1);
  });
  const size = { width: right - left, height: bottom - top };
  const data = Uint8Array.from({ length: size.width * size.height }, (_, i) =>
    Math.trunc(strokes[(top + Math.floor(i / size.width)) * width + left + (i % size.width)]!),
  );
  return { ...size, channels: 1, data };
}

function centreOfMass({ data, width }: Raster): [number, number] {
  let [mass, x, y] = [0, 0, 0];
  data.forEach((value, i) => {
    mass += value;
    x += value * (i % width);
    y += value * Math.floor(i / width);
  });
  return [x / mass + 0.5, y / mass + 0.5];
}
