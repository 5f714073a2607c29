/** Numbers as text, short enough for where they stand. */

const MINUS = "\u2212";

/** About three significant digits, with a true minus sign. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "" : value > 0 ? "∞" : `${MINUS}∞`;
  const size = Math.abs(value);
  if (size === 0) return "0";
  let text: string;
  if (size >= 1000) text = size >= 100000 ? size.toExponential(1) : size.toFixed(0);
  else if (size >= 100) text = size.toFixed(0);
  else if (size >= 10) text = size.toFixed(1);
  else if (size >= 0.01) text = size.toFixed(2);
  else if (size >= 0.0005) text = size.toFixed(3);
  else text = size.toExponential(0);
  return value < 0 ? MINUS + text : text;
}

/** Fixed decimals, with a true minus sign. */
export function fixed(value: number, decimals: number): string {
  const text = Math.abs(value).toFixed(decimals);
  return value < 0 && Number(text) !== 0 ? MINUS + text : text;
}

export function percent(share: number, decimals = 1): string {
  const value = 100 * share;
  if (share > 0 && value < 0.5 * 10 ** -decimals) return `<${(10 ** -decimals).toFixed(decimals)}%`;
  if (share < 1 && value > 100 - 0.5 * 10 ** -decimals) return `>${(100 - 10 ** -decimals).toFixed(decimals)}%`;
  return `${value.toFixed(decimals)}%`;
}

/** 1,234,567 with thin grouping that both languages read. */
export function grouped(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

export function shapeText(shape: readonly number[]): string {
  return shape.join("×");
}
