/** An image file as bytes, by the browser's own decoder: upright, transparent parts on white. */
import { Problem } from "../backend/problem";
import { refuseLarge } from "./header";
import { withoutIdleColour, type Raster } from "./raster";

export async function decode(blob: Blob): Promise<Raster> {
  await refuseLarge(blob);
  const bitmap = await createImageBitmap(blob).catch(() => {
    throw new Problem("the file is not an image that this browser can read", "PNG, JPEG, WebP, GIF or BMP", "save it again as PNG", {
      code: "bad_image",
    });
  });
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d")!;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const rgba = context.getImageData(0, 0, width, height).data;
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    data[3 * i] = rgba[4 * i]!;
    data[3 * i + 1] = rgba[4 * i + 1]!;
    data[3 * i + 2] = rgba[4 * i + 2]!;
  }
  return withoutIdleColour({ width, height, channels: 3, data });
}
