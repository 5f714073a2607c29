/** How an image of another size is brought to the input's: cut, framed by its own border, stretched. */
import { border, crop, median, paste, roundEven, type Raster } from "./raster";
import { BILINEAR, resize } from "./resize";

/** Resize so that the image covers width x height, and cut the middle. */
export function cover(original: Raster, width: number, height: number, filter = BILINEAR): Raster {
  let image = original;
  const short = Math.min(image.width, image.height);
  if (Math.max(image.width, image.height) > 64 * short) {
    const long = 64 * short;
    image = crop(
      image,
      Math.max(0, Math.floor((image.width - long) / 2)),
      Math.max(0, Math.floor((image.height - long) / 2)),
      Math.min(image.width, Math.floor((image.width + long) / 2)),
      Math.min(image.height, Math.floor((image.height + long) / 2)),
    );
  }
  const scale = Math.max(width / image.width, height / image.height);
  const size = [
    Math.max(width, roundEven(image.width * scale)),
    Math.max(height, roundEven(image.height * scale)),
  ] as const;
  const resized = resize(image, ...size, filter);
  const [left, top] = [Math.floor((size[0] - width) / 2), Math.floor((size[1] - height) / 2)];
  return crop(resized, left, top, left + width, top + height);
}

/** Cover a larger area of the same shape, whose shorter side is `short`, and cut the middle of that. */
export function coverMargin(original: Raster, width: number, height: number, short: number, filter = BILINEAR): Raster {
  const margin = short / Math.min(width, height);
  const [wide, high] = [Math.max(width, roundEven(width * margin)), Math.max(height, roundEven(height * margin))];
  const covered = cover(original, wide, high, filter);
  const [left, top] = [Math.floor((wide - width) / 2), Math.floor((high - height) / 2)];
  return crop(covered, left, top, left + width, top + height);
}

/** Resize so that the image lies inside, in the middle of its border's median. */
export function letterbox(image: Raster, width: number, height: number, filter = BILINEAR): Raster {
  const scale = Math.min(width / image.width, height / image.height);
  const size = [
    Math.min(width, Math.max(1, roundEven(image.width * scale))),
    Math.min(height, Math.max(1, roundEven(image.height * scale))),
  ] as const;
  const resized = resize(image, ...size, filter);
  const { channels } = image;
  const fill = Array.from({ length: channels }, (_, c) => Math.trunc(median(border(resized, c))));
  const data = Uint8Array.from({ length: width * height * channels }, (_, i) => fill[i % channels]!);
  const ground: Raster = { width, height, channels, data };
  paste(ground, resized, Math.floor((width - size[0]) / 2), Math.floor((height - size[1]) / 2));
  return ground;
}

export function stretch(image: Raster, width: number, height: number, filter = BILINEAR): Raster {
  return resize(image, width, height, filter);
}
