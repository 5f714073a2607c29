/** The page's texts, in the language that the reader chose. */
import { signal } from "@preact/signals";
import { remember } from "../state";
import { en } from "./en";
import { zh } from "./zh";

export type Key = keyof typeof en;
/** A dictionary has every text; a missing one fails the build. */
export type Dictionary = Record<Key, string>;
export type Language = "en" | "zh";

const DICTIONARIES: Record<Language, Dictionary> = { en, zh };

function first(): Language {
  try {
    const stored = localStorage.getItem("language");
    if (stored === "en" || stored === "zh") return stored;
  } catch {
    // storage may be forbidden
  }
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export const language = signal<Language>(first());
document.documentElement.lang = language.value;

export function setLanguage(chosen: Language): void {
  language.value = chosen;
  document.documentElement.lang = chosen;
  remember("language", chosen);
}

/** The text of a key, with `{name}` replaced. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const text = DICTIONARIES[language.value][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
