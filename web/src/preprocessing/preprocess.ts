/** How an image becomes what the network was trained on: the same as in Python, byte for byte. */
import type { Tensor } from "../model/tensor";
import type { Preprocessing } from "../model/contract";
import { cover, coverMargin, letterbox, stretch } from "./fit";
import { framed } from "./framing";
import { BICUBIC, BILINEAR } from "./resize";
import { border, grey, median, rgb, type Raster } from "./raster";

const FILTERS = { bilinear: BILINEAR, bicubic: BICUBIC };
const FITTING = { crop: cover, pad: letterbox, stretch, exact: cover };

/** Bring a decoded image to the network's input: bytes `(C, H, W)`, and what was changed. */
export function bring(record: Preprocessing, decoded: Raster): { image: Uint8Array; notes: string[] } {
  const [channels, height, width] = record.input;
  const notes: string[] = [];
  let image = decoded;
  if (channels === 1 && image.channels !== 1) {
    image = grey(image);
    notes.push("colour made grey");
  } else if (channels === 3) image = rgb(image);
  if (opposite(record, image)) {
    image = { ...image, data: image.data.map((value) => 255 - value) };
    const [strokes, ground] = record.background === "dark" ? ["dark", "light"] : ["light", "dark"];
    notes.push(
      `${strokes} strokes on a ${ground} ground: inverted, because the run's images are ${ground} on ${strokes}`,
    );
  }
  const short = record.resize ?? null;
  if (image.width !== width || image.height !== height || short !== null) {
    notes.push(`${image.width}x${image.height} brought to ${width}x${height}`);
    const filter = FILTERS[record.interpolation ?? "bilinear"];
    if (record.framing === "mnist") image = framed(image, width, height);
    else if (short !== null && (record.fit === "crop" || record.fit === "exact")) {
      image = coverMargin(image, width, height, short, filter);
    } else image = FITTING[record.fit](image, width, height, filter);
  }
  const cells = height * width;
  const planes = new Uint8Array(channels * cells);
  for (let i = 0; i < cells; i++) {
    for (let c = 0; c < channels; c++) planes[c * cells + i] = image.data[i * channels + c]!;
  }
  return { image: planes, notes };
}

/** Whether the image's plain background is the opposite of the run's. */
function opposite(record: Preprocessing, image: Raster): boolean {
  if (record.background === "mixed") return false;
  const light = median(border(grey(image))) > 127;
  return light === (record.background === "dark");
}

/** `(x / 255 - mean) / std` a channel, in single precision as in training. */
export function normalise(record: Preprocessing, image: Uint8Array): Tensor {
  const cells = record.input[1] * record.input[2];
  const data = Float32Array.from(image, (value, i) => {
    const c = Math.floor(i / cells);
    const share = Math.fround(value / 255);
    return Math.fround(share - Math.fround(record.mean[c]!)) / Math.fround(record.std[c]!);
  });
  return { shape: [...record.input], data };
}
