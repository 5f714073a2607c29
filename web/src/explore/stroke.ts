/** Drawing on a canvas with a round pen, and the strokes of the seven that draws itself. */

import type { Picture } from "../backend/backend";

/** The longer side of a sheet, in its own pixels. */
export const SIDE = 280;
const PEN = 24;

export type Point = [number, number];

export class Sheet {
  readonly context: CanvasRenderingContext2D;
  private last: Point | null = null;
  /** Whether anything was drawn since it was cleared. */
  marked = false;

  /** A black sheet with the proportions of an image of so many rows and columns. */
  constructor(
    readonly canvas: HTMLCanvasElement,
    rows: number,
    columns: number,
  ) {
    const unit = SIDE / Math.max(rows, columns);
    canvas.width = Math.round(columns * unit);
    canvas.height = Math.round(rows * unit);
    this.context = canvas.getContext("2d", { willReadFrequently: true })!;
    this.clear();
  }

  clear(): void {
    this.context.globalCompositeOperation = "source-over";
    this.context.fillStyle = "#000";
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    this.marked = false;
    this.last = null;
  }

  down(at: Point, erase: boolean): void {
    this.last = at;
    this.line(at, erase);
  }

  line(to: Point, erase: boolean): void {
    const from = this.last ?? to;
    const pen = this.context;
    pen.strokeStyle = erase ? "#000" : "#fff";
    pen.lineWidth = erase ? PEN * 1.6 : PEN;
    pen.lineCap = "round";
    pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(to[0] + 0.01, to[1]);
    pen.stroke();
    this.last = to;
    this.marked = true;
  }

  /** Lay an image over the sheet as large as it goes. */
  async place(blob: Blob): Promise<void> {
    const image = await createImageBitmap(blob);
    this.clear();
    const [across, down] = [this.canvas.width, this.canvas.height];
    const scale = Math.min(across / image.width, down / image.height);
    const [width, height] = [image.width * scale, image.height * scale];
    this.context.imageSmoothingEnabled = scale < 1;
    this.context.drawImage(image, (across - width) / 2, (down - height) / 2, width, height);
    this.marked = true;
  }

  /** What is on the sheet, one grey byte a pixel. */
  picture(): Picture {
    const { width, height } = this.canvas;
    const { data } = this.context.getImageData(0, 0, width, height);
    const pixels = Uint8Array.from({ length: width * height }, (_, i) => data[4 * i]!);
    return { pixels, height, width };
  }
}

/** A seven as a person writes it, in points along the pen's way. */
export function seven(): Point[] {
  const corners: Point[] = [
    [78, 74],
    [150, 70],
    [206, 74],
    [178, 130],
    [146, 190],
    [126, 222],
  ];
  const points: Point[] = [];
  for (let i = 0; i + 1 < corners.length; i++) {
    const [from, to] = [corners[i]!, corners[i + 1]!];
    for (let k = 0; k < 8; k++) {
      points.push([from[0] + ((to[0] - from[0]) * k) / 8, from[1] + ((to[1] - from[1]) * k) / 8]);
    }
  }
  return [...points, corners[corners.length - 1]!];
}
