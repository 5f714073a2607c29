/**
 * Pillow's resampling, bit for bit: antialiased, in fixed point, columns first and then rows.
 *
 * Source: https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c.
 */
import type { Raster } from "./raster";

export interface Filter {
  support: number;
  at: (x: number) => number;
}

export const BILINEAR: Filter = {
  support: 1,
  at: (x) => Math.max(0, 1 - Math.abs(x)),
};

/** Keys' cubic with a = -0.5, as Pillow has it. */
export const BICUBIC: Filter = {
  support: 2,
  at: (signed) => {
    const x = Math.abs(signed);
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
  },
};

export const BOX: Filter = {
  support: 0.5,
  at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0),
};

/** Bits after the point: 32 less 8 of a pixel and 2 to spare. */
const PRECISION = 2 ** 22;

interface Taps {
  first: number;
  weights: number[];
}

function tapsOf(from: number, to: number, filter: Filter): Taps[] {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const support = filter.support * stretch;
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const last = Math.min(from, Math.trunc(centre + support + 0.5));
    const weights: number[] = [];
    for (let x = first; x < last; x++) weights.push(filter.at((x - centre + 0.5) / stretch));
    const sum = weights.reduce((all, weight) => all + weight, 0);
    return { first, weights: weights.map((weight) => fixed(weight / sum)) };
  });
}

/** In fixed point, rounded away from zero at a half, as C does after adding half of the sign. */
function fixed(weight: number): number {
  return Math.trunc(weight * PRECISION + (weight < 0 ? -0.5 : 0.5));
}

function byte(sum: number): number {
  return Math.max(0, Math.min(255, Math.floor(sum / PRECISION)));
}

/** Resize to exactly width x height. */
export function resize(image: Raster, width: number, height: number, filter = BILINEAR): Raster {
  return tall(wide(image, width, filter), height, filter);
}

function wide(image: Raster, width: number, filter: Filter): Raster {
  if (width === image.width) return image;
  const { channels, height } = image;
  const data = new Uint8Array(width * height * channels);
  tapsOf(image.width, width, filter).forEach(({ first, weights }, x) => {
    for (let y = 0; y < height; y++) {
      for (let c = 0; c < channels; c++) {
        let sum = PRECISION / 2;
        weights.forEach((weight, k) => {
          sum += image.data[(y * image.width + first + k) * channels + c]! * weight;
        });
        data[(y * width + x) * channels + c] = byte(sum);
      }
    }
  });
  return { width, height, channels, data };
}

function tall(image: Raster, height: number, filter: Filter): Raster {
  if (height === image.height) return image;
  const stride = image.width * image.channels;
  const data = new Uint8Array(height * stride);
  tapsOf(image.height, height, filter).forEach(({ first, weights }, y) => {
    for (let i = 0; i < stride; i++) {
      let sum = PRECISION / 2;
      weights.forEach((weight, k) => {
        sum += image.data[(first + k) * stride + i]! * weight;
      });
      data[y * stride + i] = byte(sum);
    }
  });
  return { ...image, height, data };
}

/**
 * Shrink a grey image by a whole factor: the rounded mean of each block, those at the edges cut off.
 *
 * Source: https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Reduce.c.
 */
export function reduce(image: Raster, factor: number): Raster {
  const [width, height] = [Math.ceil(image.width / factor), Math.ceil(image.height / factor)];
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [bottom, right] = [Math.min(image.height, (y + 1) * factor), Math.min(image.width, (x + 1) * factor)];
      const count = (bottom - y * factor) * (right - x * factor);
      let sum = count >> 1;
      for (let row = y * factor; row < bottom; row++) {
        for (let column = x * factor; column < right; column++) sum += image.data[row * image.width + column]!;
      }
      // division as a multiplication in 32 bits, by a factor computed in single precision
      const multiplier = BigInt(Math.trunc(Math.fround(Math.fround(2 ** 32) / Math.fround(256 * count))));
      data[y * width + x] = Number(BigInt.asUintN(32, BigInt(sum) * multiplier) >> 24n);
    }
  }
  return { width, height, channels: 1, data };
}
