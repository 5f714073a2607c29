/** The network of the run from left to right, with the lines of what is pointed at. */
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { px } from "../draw/canvas";
import { t } from "../i18n";
import { model } from "../state";
import { Blocks } from "./Blocks";
import { arrived, wanted } from "./choosing";
import { hostOf, openFolded, shownTree } from "./folding";
import { ImageColumn } from "./ImageColumn";
import { LayerColumn } from "./LayerColumn";
import { layOut } from "./layout";
import { Links } from "./Links";
import { MapCard } from "./MapCard";
import { Overview } from "./Overview";

/** Networks of so many layers need no overview where they fit the page. */
const FEW = 16;

export function Network() {
  const frame = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState<[number, number]>([0, 0]);
  const [zoom, setZoom] = useState<number | null>(null);
  const now = model.value!;
  useLayoutEffect(() => {
    const measure = () => {
      const style = getComputedStyle(frame.current!);
      const pad = (side: string) => parseFloat(style.getPropertyValue(`padding-${side}`));
      setSize([
        frame.current!.clientWidth - pad("left") - pad("right"),
        frame.current!.clientHeight - pad("top") - pad("bottom"),
      ]);
    };
    const observer = new ResizeObserver(measure);
    observer.observe(frame.current!);
    measure();
    return () => observer.disconnect();
  }, []);
  const layout = useMemo(
    () =>
      size[0] > 0
        ? layOut(shownTree.value, now.network.input, now.classes, size[0], size[1], zoom)
        : null,
    [shownTree.value, now, size[0], size[1], zoom],
  );
  const scrolls = layout !== null && layout.width > size[0] + 1;
  const [inView, setInView] = useState<ReadonlySet<string | null>>(new Set());
  const look = () => {
    if (!layout || !frame.current) return;
    const { scrollLeft, clientWidth } = frame.current;
    const visible = layout.columns.filter(({ x, width }) => x + width > scrollLeft && x < scrollLeft + clientWidth - 20);
    const names = visible.flatMap(({ step, folded }) => [step, ...folded].map((one) => one?.name ?? null));
    if (names.length !== inView.size || names.some((name) => !inView.has(name))) setInView(new Set(names));
  };
  useLayoutEffect(look, [layout]);
  const goTo = useRef<{ name: string | null; focus: boolean } | null>(null);
  const go = (name: string | null, focus: boolean) => {
    goTo.current = null;
    arrived.value = name;
    const host = name === null ? null : hostOf(shownTree.value, name);
    if (host !== null && host !== name) {
      openFolded(host); // and go there once it has a column
      goTo.current = { name, focus };
      return;
    }
    const column = layout?.columns.find((one) => (one.step?.name ?? null) === name);
    if (!column || !frame.current) return;
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    frame.current.scrollTo({
      left: column.x + column.width / 2 - frame.current.clientWidth / 2,
      top: column.y - frame.current.clientHeight / 4,
      behavior: still ? "auto" : "smooth",
    });
    const place = `[data-layer="${CSS.escape(name ?? "")}"]`;
    if (focus) frame.current.querySelector<HTMLElement>(`${place} :is(canvas[tabindex], button)`)?.focus({ preventScroll: true });
  };
  useLayoutEffect(() => {
    if (goTo.current) go(goTo.current.name, goTo.current.focus);
  }, [layout]);
  // by others than the strip
  useLayoutEffect(() => {
    if (wanted.value === null || !layout) return;
    go(wanted.value, false);
    arrived.value = null;
    wanted.value = null;
  }, [wanted.value, layout]);
  const step = (by: number) => setZoom(Math.max(20, Math.min(96, (zoom ?? layout?.side ?? 32) + by)));
  const long = scrolls || now.layers.length > FEW;
  const sizes = (
    <div class="zoom" role="group" aria-label={t("zoom.label")}>
      <button onClick={() => step(-8)} aria-label={t("zoom.smaller")}>
        −
      </button>
      <button onClick={() => setZoom(null)} aria-pressed={zoom === null}>
        {t("zoom.fit")}
      </button>
      <button onClick={() => step(8)} aria-label={t("zoom.larger")}>
        +
      </button>
    </div>
  );
  return (
    <section class="network" aria-label={t("network.label")}>
      {long && <Overview inView={inView} onGo={go} zoom={sizes} />}
      <div class={`stage-frame${layout && layout.height > size[1] ? " is-tall" : ""}`} ref={frame} tabIndex={-1} onScroll={look}>
        {layout && (
          <div class="stage" style={px({ width: layout.width, height: layout.height })}>
            <Blocks layout={layout} />
            {layout.columns.map((column) =>
              column.step ? (
                <LayerColumn key={column.step.name} column={column} />
              ) : (
                <ImageColumn key="image" column={column} />
              ),
            )}
            <Links layout={layout} />
          </div>
        )}
      </div>
      {!long && sizes}
      <MapCard />
    </section>
  );
}
