/**
 * All layers on one strip above the network: branches in brackets, what is in view marked.
 * A click goes to a layer; with the keyboard the strip is one stop, and arrow keys move along it.
 */
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { shapeText } from "../draw/numbers";
import { t } from "../i18n";
import type { Kind } from "../model/contract";
import type { LayerNode } from "../model/tree";
import { model, steps, selected, tree } from "../state";
import { kindText } from "../shell/layerText";
import { isFolded, setFolded } from "./folding";
import { KindMark } from "./KindMark";

interface Props {
  /** The layers in view; null is the image. */
  inView: ReadonlySet<string | null>;
  /** Go to a layer, with the keyboard's focus where that was used. */
  onGo: (layer: string | null, focus: boolean) => void;
  /** What changes the size of the maps: over a long network it would stand on them. */
  zoom: ComponentChildren;
}

/** The image, then every layer that has a column. */
function strip(nodes: readonly LayerNode[]): (string | null)[] {
  const names = (some: readonly LayerNode[]): string[] =>
    some.flatMap((node) => [...(node.branches ?? []).flatMap(names), node.step.name]);
  return [null, ...names(nodes)];
}

export function Overview({ inView, onGo, zoom }: Props) {
  const nodes = tree.value.filter((node, i, all) => i < all.length - 1 || node.step.kind !== "softmax");
  const order = useMemo(() => strip(nodes), [tree.value]);
  const bar = useRef<HTMLDivElement>(null);
  const [stop, setStop] = useState<string | null>(null);
  const [pointed, setPointed] = useState<string | null | undefined>(undefined);
  const first = order.find((name) => inView.has(name));

  // where the strip itself is longer than the page, what is in view stays in view here too
  useEffect(() => {
    const marked = bar.current?.querySelectorAll<HTMLElement>(".in-view");
    const [from, to] = [marked?.[0], marked?.[marked.length - 1]];
    if (!from || !to) return;
    const middle = (from.offsetLeft + to.offsetLeft + to.offsetWidth) / 2;
    bar.current!.scrollLeft = middle - bar.current!.clientWidth / 2;
  }, [first]);

  const focus = (name: string | null | undefined) => {
    if (name === undefined) return;
    setStop(name);
    bar.current?.querySelector<HTMLElement>(`[data-strip="${CSS.escape(name ?? "")}"]`)?.focus();
  };
  const item = (name: string | null, kind: Kind | "image") => (
    <button
      key={name ?? ""}
      class={`mark${inView.has(name) ? " in-view" : ""}${selected.value && selected.value.layer === name ? " is-open" : ""}`}
      data-strip={name ?? ""}
      tabIndex={name === stop ? 0 : -1}
      aria-label={textOf(name)}
      aria-current={inView.has(name) ? "true" : undefined}
      title={textOf(name)}
      onClick={(event) => {
        setStop(name);
        onGo(name, event.detail === 0);
      }}
      onFocus={() => setPointed(name)}
      onPointerEnter={() => setPointed(name)}
    >
      <KindMark kind={kind} />
    </button>
  );
  const items = (some: readonly LayerNode[]) => some.map((node) => (node.branches ? block(node) : item(node.step.name, node.step.kind)));
  const block = (node: LayerNode) => {
    const own = node.branches!.filter((branch) => branch.length > 0);
    return (
      <span key={node.step.name} class="bracket" role="group" aria-label={node.step.name} style={{ flexGrow: wide([node]) }}>
        <span class={own.length > 2 ? "lines many" : "lines"} style={{ flexGrow: wide([node]) - 1 }}>
          {own.map((branch, i) => (
            <span key={i} class={i > 0 ? "side" : undefined}>
              {items(branch)}
            </span>
          ))}
        </span>
        {item(node.step.name, node.step.kind)}
      </span>
    );
  };
  const hint = pointed === undefined ? t("overview.hint", { n: steps.value.size }) : textOf(pointed);
  return (
    <div class="overview">
      <div
        class="strip"
        role="toolbar"
        aria-label={t("overview.label")}
        ref={bar}
        onPointerLeave={() => setPointed(undefined)}
        onFocusOut={() => setPointed(undefined)}
        onKeyDown={(event) => {
          const at = order.indexOf(stop);
          const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
          if (step !== undefined) focus(order[at + step]);
          else if (event.key === "Home") focus(null);
          else if (event.key === "End") focus(order[order.length - 1]);
          else return;
          event.preventDefault();
        }}
      >
        {item(null, "image")}
        {items(nodes)}
      </div>
      <div class="under">
        <p>{hint}</p>
        <label>
          <input type="checkbox" checked={isFolded.value} onChange={(event) => setFolded(event.currentTarget.checked)} />
          <span>{t("overview.fold")}</span>
        </label>
        {zoom}
      </div>
    </div>
  );
}

/** How many marks stand beside each other. */
function wide(nodes: readonly LayerNode[]): number {
  return nodes.reduce(
    (sum, { branches }) => sum + 1 + Math.max(0, ...(branches ?? []).map(wide)),
    0,
  );
}

function textOf(name: string | null): string {
  if (name === null) return `${t("image.title")} · ${shapeText(model.value!.network.input)}`;
  const step = steps.value.get(name);
  return step ? `${name} · ${kindText(step)} · ${shapeText(step.output)}` : name;
}
