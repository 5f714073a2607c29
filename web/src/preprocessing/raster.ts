/** An image of bytes: grey (1 channel) or RGB (3), pixel by pixel, row by row. */
export interface Raster {
  width: number;
  height: number;
  channels: 1 | 3;
  data: Uint8Array;
}

/** Round halves to even, as Python's `round` does. */
export function roundEven(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  if (rest !== 0.5) return Math.round(value);
  return down % 2 === 0 ? down : down + 1;
}

/** The middle value; the mean of the two in the middle where their number is even. */
export function median(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort();
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** Grey by ITU-R 601, in Pillow's whole numbers. */
export function grey(image: Raster): Raster {
  if (image.channels === 1) return image;
  const data = new Uint8Array(image.width * image.height);
  for (let i = 0; i < data.length; i++) {
    const [r, g, b] = [image.data[3 * i]!, image.data[3 * i + 1]!, image.data[3 * i + 2]!];
    data[i] = (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
  }
  return { ...image, channels: 1, data };
}

export function rgb(image: Raster): Raster {
  if (image.channels === 3) return image;
  const data = new Uint8Array(image.data.length * 3);
  image.data.forEach((value, i) => data.fill(value, 3 * i, 3 * i + 3));
  return { ...image, channels: 3, data };
}

/** Grey where the three channels never differ: nothing is lost. */
export function withoutIdleColour(image: Raster): Raster {
  if (image.channels === 1) return image;
  const { data } = image;
  for (let i = 0; i < data.length; i += 3) {
    if (data[i] !== data[i + 1] || data[i] !== data[i + 2]) return image;
  }
  return { ...image, channels: 1, data: data.filter((_, i) => i % 3 === 0) };
}

/** The pixels from (left, top) up to (right, bottom). */
export function crop(image: Raster, left: number, top: number, right: number, bottom: number): Raster {
  const { channels } = image;
  const [width, height] = [right - left, bottom - top];
  const data = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * image.width + left) * channels;
    data.set(image.data.subarray(from, from + width * channels), y * width * channels);
  }
  return { width, height, channels, data };
}

/** Lay one image over another of the same channels. */
export function paste(ground: Raster, image: Raster, left: number, top: number): void {
  const { channels } = image;
  for (let y = 0; y < image.height; y++) {
    const row = image.data.subarray(y * image.width * channels, (y + 1) * image.width * channels);
    ground.data.set(row, ((top + y) * ground.width + left) * channels);
  }
}

/** The outermost pixels of one channel: first and last row, first and last column. */
export function border(image: Raster, channel = 0): number[] {
  const { width, height, channels, data } = image;
  const at = (y: number, x: number) => data[(y * width + x) * channels + channel]!;
  const values: number[] = [];
  for (let x = 0; x < width; x++) values.push(at(0, x), at(height - 1, x));
  for (let y = 0; y < height; y++) values.push(at(y, 0), at(y, width - 1));
  return values;
}
