/** What was done to a picture, in the reader's language; the server says it in English. */
import { t } from "../i18n";

const SIZE = /^(\d+)x(\d+) brought to (\d+)x(\d+)$/;

export function noteText(note: string): string {
  const size = SIZE.exec(note);
  if (size) return t("note.size", { from: `${size[1]}×${size[2]}`, to: `${size[3]}×${size[4]}` });
  if (note === "colour made grey") return t("note.grey");
  if (note.startsWith("dark strokes on a light ground")) return t("note.inverted");
  if (note === "transparent parts laid on white") return t("note.white");
  return note;
}
