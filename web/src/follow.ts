/** Runs that change while the page shows them: how far they are, weights that a training saved, new ones. */
import { effect } from "@preact/signals";
import type { Backend } from "./backend/backend";
import { show } from "./live";
import type { Model } from "./model/contract";
import { backend, model, models, picture, weights } from "./state";

/** Between two questions about a run that trains, milliseconds. */
const PAUSE = 1500;

/** Keep up with the server for as long as the page is open. */
export function follow(): void {
  effect(() => {
    const [source, now] = [backend.value, model.value];
    const goes = source && !source.published && now && (now.status.state === "running" || !weights.value);
    return goes ? again(() => renew(source, now)) : undefined;
  });
  // whoever trained something in a terminal comes back to the page to see it
  window.addEventListener("focus", () => void relist());
}

/** Do something again and again; returns how to stop. */
function again(work: () => Promise<void>): () => void {
  let timer = 0;
  let left = false;
  const later = () => {
    if (!left) timer = window.setTimeout(go, PAUSE);
  };
  // a server that does not answer is told of where it is asked for something
  const go = () => void work().then(later, later);
  later();
  return () => {
    left = true;
    clearTimeout(timer);
  };
}

/** Ask for the run once more; what the page shows of it changes where it did. */
async function renew(source: Backend, now: Model): Promise<void> {
  const newest = await source.model(now.name);
  const fresh = newest.weights_version !== null && newest.weights_version !== weights.value?.version;
  // the maps bring their own weights
  const first = fresh && !picture.value ? await source.weights(now.name) : null;
  if (model.value !== now) return;
  const shown = picture.value;
  if (first) weights.value = first;
  if (!same(newest, now)) model.value = newest;
  if (fresh && shown) show(() => shown);
  // of a training that has just ended, the last weights may not be open yet
  if (now.status.state === "running" && newest.status.state !== "running") {
    setTimeout(() => void renew(source, newest).catch(() => undefined), 2 * PAUSE);
  }
}

/** Look which runs there are: what was trained elsewhere appears among the others. */
export async function relist(): Promise<void> {
  if (!backend.value || !model.value) return; // the first run is looked for anyway
  const newest = await backend.value.models().catch(() => []);
  if (newest.length && !same(newest, models.value)) models.value = newest;
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
