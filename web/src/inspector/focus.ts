/** Where the keyboard's focus and the page's scroll go when the window opens, and back. */
import { selected } from "../state";

/** From what was opened with the keyboard its focus goes into the window, and back when that closes. */
export function takeFocus(section: HTMLElement): () => void {
  const from = document.activeElement;
  if (from instanceof HTMLElement && from.matches("[data-layer] :focus-visible")) {
    const map = Array.from(section.querySelectorAll<HTMLElement>(".pickable, .pixel-frame")).at(-1);
    (map ?? section).focus({ preventScroll: true });
  }
  return () => {
    const now = document.activeElement;
    const lost = now === document.body || section.contains(now);
    if (lost && selected.peek() === null && from instanceof HTMLElement) from.focus({ preventScroll: true });
  };
}

/**
 * On a phone the window opens below what was tapped, and on a low screen a part of it is below the
 * page's end: go there, and back when it is closed.
 */
export function bringIntoView(section: HTMLElement): () => void {
  const from = window.scrollY;
  const phone = window.matchMedia("(max-width: 900px)").matches;
  const { top } = section.getBoundingClientRect();
  const { bottom } = section.parentElement!.getBoundingClientRect();
  const away = phone ? top > window.innerHeight * 0.6 : bottom > window.innerHeight + 1;
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const behavior = still ? "auto" : "smooth";
  if (away && phone) section.scrollIntoView({ block: "start", behavior });
  else if (away) section.parentElement!.scrollIntoView({ block: "end", behavior });
  return () => {
    if (away && selected.peek() === null) window.scrollTo({ top: from, behavior });
  };
}
