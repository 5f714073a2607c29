/** How large an image is, read from the head of its file: a few bytes can unpack to gigabytes. */
import { Problem } from "../backend/problem";

/** As the server's. */
const MOST_PIXELS = 24_000_000;
/** So far in, a JPEG with a preview and a profile has said its size. */
const HEAD = 512 * 1024;

type Size = [width: number, height: number];

/** Refuse an image of too many pixels before anything unpacks it. */
export async function refuseLarge(blob: Blob): Promise<void> {
  const size = sizeIn(new DataView(await blob.slice(0, HEAD).arrayBuffer()));
  if (!size || size[0] * size[1] <= MOST_PIXELS) return;
  throw new Problem(`the image has ${size[0]}x${size[1]} pixels`, `at most ${MOST_PIXELS} pixels`, "use a smaller image", {
    code: "too_large",
  });
}

/** The size that the head of a file says; null where it says none that is known here. */
export function sizeIn(head: DataView): Size | null {
  try {
    return png(head) ?? jpeg(head) ?? gif(head) ?? bmp(head) ?? webp(head);
  } catch (thrown) {
    if (thrown instanceof RangeError) return null; // the file ends before it says its size
    throw thrown;
  }
}

function starts(head: DataView, text: string, at = 0): boolean {
  return Array.from(text).every((letter, i) => head.getUint8(at + i) === letter.charCodeAt(0));
}

function png(head: DataView): Size | null {
  return starts(head, "\x89PNG") ? [head.getUint32(16), head.getUint32(20)] : null;
}

function gif(head: DataView): Size | null {
  return starts(head, "GIF8") ? [head.getUint16(6, true), head.getUint16(8, true)] : null;
}

function bmp(head: DataView): Size | null {
  // a negative height says that the rows stand from above
  return starts(head, "BM") ? [Math.abs(head.getInt32(18, true)), Math.abs(head.getInt32(22, true))] : null;
}

function webp(head: DataView): Size | null {
  if (!starts(head, "RIFF") || !starts(head, "WEBP", 8)) return null;
  const three = (at: number) => head.getUint16(at, true) + (head.getUint8(at + 2) << 16);
  if (starts(head, "VP8X", 12)) return [three(24) + 1, three(27) + 1];
  if (starts(head, "VP8L", 12)) {
    const bits = head.getUint32(21, true);
    return [(bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1];
  }
  return [head.getUint16(26, true) & 0x3fff, head.getUint16(28, true) & 0x3fff];
}

/** Go from segment to segment until one begins a frame. */
function jpeg(head: DataView): Size | null {
  if (head.getUint16(0) !== 0xffd8) return null;
  let at = 2;
  while (head.getUint8(at) === 0xff) {
    const marker = head.getUint8(at + 1);
    const frame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (frame) return [head.getUint16(at + 7), head.getUint16(at + 5)];
    // bytes that fill up, and markers without a length
    if (marker === 0xff) at += 1;
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) at += 2;
    else at += 2 + head.getUint16(at + 2);
  }
  return null;
}
