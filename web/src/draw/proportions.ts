/** Sizes on the page that keep the proportions of what is drawn in them. */

export interface Size {
  width: number;
  height: number;
}

/** Maps of one row or one column keep this side, so that they can be seen and clicked. */
const THINNEST = 6;

/** The size of so many rows and columns where the longer side has a given length. */
export function proportioned(rows: number, columns: number, longer: number): Size {
  const unit = longer / Math.max(rows, columns);
  const length = (cells: number) => Math.max(THINNEST, Math.round(cells * unit));
  return { width: length(columns), height: length(rows) };
}
