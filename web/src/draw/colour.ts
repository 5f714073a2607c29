/**
 * One colour scale for everything: blue below zero, the page's ground at zero, orange above.
 *
 * Blue and orange are told apart with every common colour blindness, and lightness alone orders
 * each half, so the scale also survives a grey print.
 */

import colours from "../../../src/convlens/figures/colours.json";

export type Theme = "light" | "dark";

type Rgb = [number, number, number];

/** "#0c2c5c" as its red, green and blue, 0 to 255. */
export function rgbOf(hex: string): Rgb {
  const number = parseInt(hex.slice(1), 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

/** Colours from -1 to 1 in equal steps; the package's figures read the same table. */
const STOPS: Record<Theme, Rgb[]> = {
  light: colours.signed.light.map(rgbOf),
  dark: colours.signed.dark.map(rgbOf),
};

/** What speaks for a class and against it, laid over an image; the frame around what is pointed at. */
export const OVER_IMAGE = {
  plus: rgbOf(colours.over_image.plus),
  minus: rgbOf(colours.over_image.minus),
  frame: colours.over_image.frame,
};

const STEPS = 512;
const TABLES = new Map<Theme, Uint8ClampedArray>();

function table(theme: Theme): Uint8ClampedArray {
  let table = TABLES.get(theme);
  if (!table) {
    const stops = STOPS[theme];
    table = new Uint8ClampedArray((STEPS + 1) * 3);
    for (let i = 0; i <= STEPS; i++) {
      const at = (i / STEPS) * (stops.length - 1);
      const low = Math.min(Math.floor(at), stops.length - 2);
      for (let c = 0; c < 3; c++) {
        const [from, to] = [stops[low]![c]!, stops[low + 1]![c]!];
        table[3 * i + c] = from + (to - from) * (at - low);
      }
    }
    TABLES.set(theme, table);
  }
  return table;
}

/** Paint values into RGBA pixels; `scale` is the value that gets the full colour. */
export function paint(
  values: ArrayLike<number>,
  pixels: Uint8ClampedArray,
  theme: Theme,
  scale: number,
): void {
  const colours = table(theme);
  const unit = scale > 0 ? STEPS / 2 / scale : 0;
  for (let i = 0; i < values.length; i++) {
    const step = Math.max(0, Math.min(STEPS, Math.round(values[i]! * unit + STEPS / 2)));
    pixels[4 * i] = colours[3 * step]!;
    pixels[4 * i + 1] = colours[3 * step + 1]!;
    pixels[4 * i + 2] = colours[3 * step + 2]!;
    pixels[4 * i + 3] = 255;
  }
}

/** The colour of one value as CSS. */
export function css(value: number, theme: Theme, scale: number): string {
  const pixel = new Uint8ClampedArray(4);
  paint([value], pixel, theme, scale);
  return `rgb(${pixel[0]}, ${pixel[1]}, ${pixel[2]})`;
}

/** Black or white, whichever reads on the colour of a value. */
export function inkOn(value: number, theme: Theme, scale: number): string {
  const pixel = new Uint8ClampedArray(4);
  paint([value], pixel, theme, scale);
  return readable(pixel[0]!, pixel[1]!, pixel[2]!);
}

/** Black or white, whichever has more contrast to a colour (WCAG 2.2, relative luminance). */
export function readable(red: number, green: number, blue: number): string {
  const [r, g, b] = [red, green, blue].map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  // where 21 to 1 is split evenly: (L + 0.05)^2 = 1.05 * 0.05
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}

/** The value that gets the full colour: the largest absolute one. */
export function scaleOf(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]!);
    if (size > largest && size !== Infinity) largest = size;
  }
  return largest || 1;
}
