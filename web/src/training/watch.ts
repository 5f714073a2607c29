/** The epochs of a run as they come in: asked for again while it trains. */
import { signal } from "@preact/signals";
import { asProblem } from "../backend/problem";
import type { EpochEvent, RunStatus } from "../model/contract";
import { backend, models, problem } from "../state";
import { followed } from "./curves";

const PAUSE = 800;

export interface Watched {
  run: string;
  events: EpochEvent[];
  status: RunStatus;
  loaded: boolean;
}

export const watched = signal<Watched | null>(null);

/** Follow a run until it has ended; returns how to stop following. */
export function watch(run: string): () => void {
  let timer = 0;
  let left = false;
  let next = 0;
  watched.value = { run, events: [], status: {}, loaded: false };
  const ask = async () => {
    try {
      const metrics = await backend.value!.metrics(run, next);
      if (left) return;
      next = metrics.next;
      if (problem.value?.code === "offline") problem.value = null;
      const events = followed(watched.value!.events, metrics.events);
      watched.value = { run, events, status: metrics.status, loaded: true };
      if (metrics.status.state === "running") timer = window.setTimeout(() => void ask(), PAUSE);
      else models.value = await backend.value!.models();
    } catch (thrown) {
      if (left) return;
      problem.value = asProblem(thrown);
      // a server that was started again goes on being followed
      if (problem.value.code === "offline") timer = window.setTimeout(() => void ask(), 4 * PAUSE);
    }
  };
  void ask();
  return () => {
    left = true;
    clearTimeout(timer);
  };
}
