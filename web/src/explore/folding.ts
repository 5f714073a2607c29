/**
 * A network with fewer columns: what only normalises, bends or passes values on stands with the
 * layer before it, unless it was opened.
 */
import { computed, signal } from "@preact/signals";
import { isPointwise } from "../kinds/kinds";
import type { LayerNode } from "../model/tree";
import type { Step } from "../model/contract";
import { model, tree } from "../state";

/** Networks of more layers are folded until the reader says otherwise. */
const MANY = 20;

/** What the reader chose for this page; null: nothing yet. */
const chosen = signal<boolean | null>(null);
/** Layers whose folded ones are shown after all, of one run. */
const opened = signal<{ run: string; hosts: ReadonlySet<string> }>({ run: "", hosts: new Set() });

const none: ReadonlySet<string> = new Set();
const openedNow = computed(() => (opened.value.run === model.value?.name ? opened.value.hosts : none));

export const isFolded = computed(() => chosen.value ?? (model.value?.layers.length ?? 0) > MANY);
/** The tree as it is shown. */
export const shownTree = computed(() => (isFolded.value ? fold(tree.value, openedNow.value) : tree.value));

export function setFolded(on: boolean): void {
  chosen.value = on;
  opened.value = { run: "", hosts: none };
}

/** Show the layers that stand with a layer. */
export function openFolded(host: string): void {
  opened.value = { run: model.value!.name, hosts: new Set([...openedNow.value, host]) };
}

/** The layer whose column a layer is shown in: its own, or that of the one before it. */
export function hostOf(nodes: readonly LayerNode[], name: string): string {
  for (const node of nodes) {
    if (node.folded?.some((step) => step.name === name)) return node.step.name;
    if (node.branches && name.startsWith(`${node.step.name}.`)) return hostOf(node.branches.flat(), name);
  }
  return name;
}

/** Put each layer that can stand with the one before it there. */
export function fold(nodes: readonly LayerNode[], open: ReadonlySet<string>): LayerNode[] {
  const kept: LayerNode[] = [];
  for (const node of nodes) {
    const host = kept[kept.length - 1];
    if (host && folds(node.step) && !open.has(host.step.name)) {
      kept[kept.length - 1] = { ...host, folded: [...(host.folded ?? []), node.step] };
    } else if (host && folds(node.step)) {
      kept.push(node);
      // the next ones stand with the same layer, and are open with it
      open = new Set([...open, node.step.name]);
    } else if (node.branches) {
      kept.push({ ...node, branches: node.branches.map((branch) => fold(branch, open)) });
    } else kept.push(node);
  }
  return kept;
}

function folds(step: Step): boolean {
  // flattening maps of one cell changes nothing that can be seen
  const flat = step.kind === "flatten" && step.input[1] === 1 && step.input[2] === 1;
  return flat || isPointwise(step.kind);
}
