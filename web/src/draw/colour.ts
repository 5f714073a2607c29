/**
 * One colour scale for everything: blue below zero, the page's ground at zero, orange above.
 *
 * Blue and orange are told apart with every common colour blindness, and lightness alone orders
 * each half, so the scale also survives a grey print.
 */

export type Theme = "light" | "dark";

type Rgb = [number, number, number];

/** Colours from -1 to 1 in equal steps. */
const STOPS: Record<Theme, Rgb[]> = {
  light: [
    [12, 44, 92],
    [27, 93, 163],
    [96, 156, 212],
    [178, 208, 236],
    [247, 246, 243],
    [252, 205, 160],
    [244, 143, 62],
    [199, 84, 14],
    [110, 38, 4],
  ],
  dark: [
    [224, 239, 255],
    [138, 193, 250],
    [66, 134, 209],
    [34, 72, 122],
    [28, 29, 33],
    [112, 58, 20],
    [205, 106, 36],
    [255, 163, 92],
    [255, 236, 215],
  ],
};

const STEPS = 512;
const TABLES = new Map<Theme, Uint8ClampedArray>();

function table(theme: Theme): Uint8ClampedArray {
  let found = TABLES.get(theme);
  if (!found) {
    const stops = STOPS[theme];
    found = new Uint8ClampedArray((STEPS + 1) * 3);
    for (let i = 0; i <= STEPS; i++) {
      const at = (i / STEPS) * (stops.length - 1);
      const low = Math.min(Math.floor(at), stops.length - 2);
      for (let c = 0; c < 3; c++) {
        const [from, to] = [stops[low]![c]!, stops[low + 1]![c]!];
        found[3 * i + c] = from + (to - from) * (at - low);
      }
    }
    TABLES.set(theme, found);
  }
  return found;
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
