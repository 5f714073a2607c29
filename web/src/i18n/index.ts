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

const isLanguage = (text: string | null): text is Language => text === "en" || text === "zh";

/** The address's `?lang=`, else what was chosen before, else the browser's. */
function first(): Language {
  const asked = new URLSearchParams(location.search).get("lang");
  if (isLanguage(asked)) return asked;
  try {
    const stored = localStorage.getItem("language");
    if (isLanguage(stored)) return stored;
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
  // an address that names a language goes on naming the one that is shown
  const address = new URL(location.href);
  if (address.searchParams.has("lang")) {
    address.searchParams.set("lang", chosen);
    history.replaceState(history.state, "", address);
  }
}

/** The page's own address without a run, in the language that the address asked for. */
export function home(): string {
  return new URLSearchParams(location.search).has("lang") ? `./?lang=${language.value}` : "./";
}

/** The text of a key, with `{name}` replaced. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const text = DICTIONARIES[language.value][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
