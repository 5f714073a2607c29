/** What was done to a picture, in the reader's language; the server says it in English. */
import { t, type Key } from "../i18n";

const SIZE = /^(\d+)x(\d+) brought to (\d+)x(\d+)$/;

/** What the other notes begin with; a test knows all that there are. */
const KNOWN: [string, Key][] = [
  ["colour made grey", "note.grey"],
  ["dark strokes on a light ground", "note.inverted"],
  ["transparent parts laid on white", "note.white"],
  ["turned upright by its EXIF orientation", "note.upright"],
  ["16-bit grey values divided by 257", "note.sixteen"],
  ["CMYK converted to RGB", "note.cmyk"],
];

export function noteText(note: string): string {
  const size = SIZE.exec(note);
  if (size) return t("note.size", { from: `${size[1]}×${size[2]}`, to: `${size[3]}×${size[4]}` });
  const known = KNOWN.find(([start]) => note.startsWith(start));
  return known ? t(known[1]) : note;
}
