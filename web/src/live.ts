/**
 * From a picture to all maps, as often as it changes: one request is under way at a time, and
 * when it is answered only the newest picture is asked for.
 */
import { batch } from "@preact/signals";
import { asProblem } from "./backend/problem";
import type { Backend, Picture } from "./backend/backend";
import { activations, attribution, attributionMethod, backend, busy, model, picture, problem, weights } from "./state";
import type { Model } from "./model/contract";
import { argmax } from "./model/tensor";

type Source = () => Promise<Picture> | Picture;

/** How often to ask again where the weights change faster than they can be fetched. */
const TRIES = 4;

let waiting: { source: Source; since: number; to: Model | null } | null = null;
let running = false;

/** Show what the network makes of a picture; a newer call overtakes one that still waits. */
export function show(source: Source): void {
  waiting = { source, since: waiting?.since ?? performance.now(), to: model.value };
  if (!running) void run();
}

async function run(): Promise<void> {
  running = true;
  busy.value = true;
  while (waiting) {
    const { source, since, to } = waiting;
    waiting = null;
    const from = backend.value;
    if (!from || !to || model.value?.name !== to.name) continue;
    try {
      const taken = await source();
      const [now, known] = await computed(from, to, taken);
      if (model.value?.name !== to.name) continue;
      batch(() => {
        picture.value = taken;
        activations.value = now;
        weights.value = known;
        problem.value = null;
      });
      performance.measure("stroke-to-maps", { start: since, end: performance.now() });
      if (!waiting) await explain();
    } catch (thrown) {
      problem.value = asProblem(thrown);
    }
  }
  running = false;
  busy.value = false;
}

/** Ask for all maps, and for the weights that computed them where a training has saved new ones. */
async function computed(from: Backend, to: Model, taken: Picture) {
  let known = weights.value;
  for (let left = TRIES; ; left--) {
    const now = await from.activations(to, taken);
    if (known?.version === now.version || !left) return [now, known] as const;
    known = await from.weights(to.name);
  }
}

/** Compute the chosen attribution for the picture that is shown, for its predicted class. */
export async function explain(): Promise<void> {
  const [from, to, now] = [backend.value, model.value, activations.value];
  const [taken, method] = [picture.value, attributionMethod.value];
  if (!from || !to || !taken || !now || !method) {
    attribution.value = null;
    return;
  }
  try {
    const map = await from.attribution(to, taken, method, argmax(now.logits));
    if (picture.value === taken && attributionMethod.value === method) attribution.value = map;
  } catch (thrown) {
    problem.value = asProblem(thrown);
  }
}
