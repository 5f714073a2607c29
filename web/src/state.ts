/** What the page knows: which run is open, what the image made of it, what is pointed at. */
import { computed, effect, signal } from "@preact/signals";
import type { Activations, Backend, Picture, Weights } from "./backend/backend";
import { asProblem, type Problem } from "./backend/problem";
import { scaleOf, type Theme } from "./draw/colour";
import { treeOf } from "./model/tree";
import type { Model, ModelSummary, Step } from "./model/contract";
import type { Attribution, Method } from "./model/types";
import type { Computed } from "./windows/window";

export type View = "explore" | "training" | "workbench" | "photos";

/** A cell of a layer: `(channel, row, column)` of maps, `(index,)` of features. */
export interface Place {
  /** null: the image itself. */
  layer: string | null;
  cell: number[];
}

export const backend = signal<Backend | null>(null);
export const models = signal<ModelSummary[]>([]);
/** Whether it is known which runs there are. */
export const listed = signal(false);
/** There is none: a server that waits for its first run. */
export const noRun = computed(() => listed.value && models.value.length === 0);
export const model = signal<Model | null>(null);
export const weights = signal<Weights | null>(null);
export const problem = signal<Problem | null>(null);
export const view = signal<View>("explore");

export const picture = signal<Picture | null>(null);
export const activations = signal<Activations | null>(null);
export const busy = signal(false);

export const selected = signal<Place | null>(null);
/** The map under the pointer: shown in the card and with its links. */
export const hovered = signal<{ layer: string | null; channel: number } | null>(null);
/** Which of the input's channels the inspector shows in large, and points at in the network. */
export const inputChannel = signal<number | null>(null);
export const attribution = signal<Attribution | null>(null);
export const attributionMethod = signal<Method | null>(null);

export const steps = computed<Map<string, Step>>(
  () => new Map((model.value?.layers ?? []).map((step) => [step.name, step])),
);
export const tree = computed(() => treeOf(model.value?.layers ?? []));

/** All that a window is computed from, once the weights and one image's activations are here. */
export const computedNow = computed<Computed | null>(() => {
  const [now, known] = [activations.value, weights.value];
  if (!now || !known || now.version !== known.version) return null;
  return {
    steps: steps.value,
    weights: known.tensors,
    layers: now.layers,
    normalised: now.normalised,
  };
});

/** The value that gets the full colour, one for each layer. */
export const scales = computed<Map<string | null, number>>(() => {
  const byLayer = new Map<string | null, number>();
  const now = activations.value;
  if (!now) return byLayer;
  byLayer.set(null, scaleOf(now.normalised.data));
  for (const [name, values] of now.layers) byLayer.set(name, scaleOf(values.data));
  return byLayer;
});

const systemDark = window.matchMedia("(prefers-color-scheme: dark)");
const stored = (key: string): string | null => {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // storage may be forbidden: then nothing is remembered
  }
};
export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // the same
  }
}

const systemTheme = signal<Theme>(systemDark.matches ? "dark" : "light");
systemDark.addEventListener("change", (event) => {
  systemTheme.value = event.matches ? "dark" : "light";
});
export const chosenTheme = signal<Theme | null>(stored("theme") as Theme | null);
export const theme = computed<Theme>(() => chosenTheme.value ?? systemTheme.value);
effect(() => {
  document.documentElement.dataset["theme"] = theme.value;
});

/** Open a run: everything that belonged to the one before is forgotten. */
export async function open(name: string): Promise<void> {
  const source = backend.value;
  if (!source) return;
  try {
    const opened = await source.model(name);
    const arrays = opened.has_weights ? await source.weights(name) : null;
    activations.value = null;
    selected.value = null;
    hovered.value = null;
    inputChannel.value = null;
    attribution.value = null;
    attributionMethod.value = null;
    picture.value = null;
    problem.value = null;
    weights.value = arrays;
    model.value = opened;
  } catch (thrown) {
    problem.value = asProblem(thrown);
  }
}

export async function start(source: Backend): Promise<void> {
  backend.value = source;
  await openFirst(source);
}

/** How long to wait for the first run before looking again, milliseconds. */
const PAUSE = 1500;

/** Open the run that the address names, or the default; where there is none, as soon as there is one. */
async function openFirst(source: Backend): Promise<void> {
  try {
    models.value = await source.models();
    if (problem.value?.code === "offline") problem.value = null;
    const wanted = new URLSearchParams(location.hash.slice(1)).get("run");
    const first =
      models.value.find((one) => one.name === wanted) ??
      models.value.find((one) => one.default) ??
      models.value[0];
    // a first run that is trained on photos is opened when it is whole
    const early = view.value === "photos" && first?.state === "running";
    if (first && !model.value && !early) {
      // a first run that appears while it is trained: there is its curve to see, and no map yet
      if (listed.value && first.state === "running") view.value = "training";
      await open(first.name);
    }
    listed.value = true;
  } catch (thrown) {
    problem.value = asProblem(thrown);
  }
  if (listed.value && !model.value) setTimeout(() => void openFirst(source), PAUSE);
}
