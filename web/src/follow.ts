/** A run that changes while the page shows it: how far it is, and weights that its training saved. */
import { effect } from "@preact/signals";
import { show } from "./live";
import type { Model } from "./model/types";
import { backend, model, picture, weights } from "./state";

const PAUSE = 1500;

/** Keep up with the open run for as long as it trains, or has no weights yet. */
export function follow(): void {
  effect(() => {
    const now = model.value;
    if (!now || backend.value?.published) return;
    if (now.status.state !== "running" && weights.value) return;
    let timer = 0;
    let left = false;
    const later = () => {
      if (!left) timer = window.setTimeout(() => void ask(), PAUSE);
    };
    // a server that does not answer is told of where it is asked for something
    const ask = () => renew(now).then(later, later);
    later();
    return () => {
      left = true;
      clearTimeout(timer);
    };
  });
}

/** Ask for the run once more; what the page shows of it changes where it did. */
async function renew(now: Model): Promise<void> {
  const source = backend.value!;
  const found = await source.model(now.name);
  const fresh = found.weights_version !== null && found.weights_version !== weights.value?.version;
  // the maps bring their own weights
  const first = fresh && !picture.value ? await source.weights(now.name) : null;
  if (model.value !== now) return;
  const shown = picture.value;
  if (first) weights.value = first;
  if (JSON.stringify(found) !== JSON.stringify(now)) model.value = found;
  if (fresh && shown) show(() => shown);
}
