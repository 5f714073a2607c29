/**
 * A layer's settings as the server writes them, "32 of 3x3 stride 2", in the reader's language and
 * with the sign that the page has between sizes.
 */
import type { Key, t } from "../i18n";

const WORDS: [RegExp, Key][] = [
  [/(\d+) per channel of\b/, "settings.aChannelOf"],
  [/\bof\b/, "settings.of"],
  [/\bstride\b/, "settings.stride"],
  [/\bsame\b/, "settings.same"],
  [/\bpad\b/, "settings.pad"],
  [/\bpadding counted\b/, "settings.padCounted"],
  [/\bceil\b/, "settings.ceil"],
  [/\bsize\b/, "settings.size"],
  [/\breflect\b/, "settings.reflect"],
  [/\breplicate\b/, "settings.replicate"],
  [/\bstart\b/, "settings.start"],
  [/\bdilation\b/, "settings.dilation"],
  [/\bgroups\b/, "settings.groups"],
  [/\bno bias\b/, "settings.noBias"],
  [/\balpha\b/, "settings.alpha"],
  [/\bslope\b/, "settings.slope"],
  [/\binitial\b/, "settings.initial"],
  [/\brate\b/, "settings.rate"],
];

export function settingsText(written: string, say: typeof t): string {
  const text = WORDS.reduce((so, [word, key]) => so.replace(word, (_, n = "") => say(key, { n })), written);
  return text.replace(/(\d)x(?=\d)/g, "$1×");
}
