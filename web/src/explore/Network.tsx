/** The network of the run from left to right, with the lines of what is pointed at. */
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { px } from "../draw/canvas";
import { t } from "../i18n";
import { model, tree } from "../state";
import { Blocks } from "./Blocks";
import { ImageColumn } from "./ImageColumn";
import { LayerColumn } from "./LayerColumn";
import { layOut } from "./layout";
import { Links } from "./Links";
import { MapCard } from "./MapCard";

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
        ? layOut(tree.value, now.network.input, now.classes.length, size[0], size[1], zoom)
        : null,
    [tree.value, now, size[0], size[1], zoom],
  );
  const step = (by: number) => setZoom(Math.max(20, Math.min(96, (zoom ?? layout?.side ?? 32) + by)));
  return (
    <section class="network" aria-label={t("network.label")}>
      <div class="stage-frame" ref={frame} tabIndex={-1}>
        {layout && (
          <div class="stage" style={px({ width: layout.width, height: layout.height })}>
            <Blocks layout={layout} />
            {layout.columns.map((column) =>
              column.row ? (
                <LayerColumn key={column.row.name} column={column} />
              ) : (
                <ImageColumn key="image" column={column} />
              ),
            )}
            <Links layout={layout} />
          </div>
        )}
      </div>
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
      <MapCard />
    </section>
  );
}
