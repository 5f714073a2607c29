/** The filters of a layer as they were learned, from before training to the end. */
import { useEffect, useRef, useState } from "preact/hooks";
import { mapCanvas, prepare } from "../draw/canvas";
import { scaleOf } from "../draw/colour";
import { proportioned } from "../draw/proportions";
import { t } from "../i18n";
import type { Tensor } from "../model/tensor";
import { backend, model, theme } from "../state";

interface Snapshot {
  epoch: number | null;
  kernels: Tensor;
}

export function Filters({ epochs }: { epochs: number }) {
  const now = model.value!;
  const layers = now.layers.filter((row) => row.kind === "conv" || row.kind === "depthwise");
  const [layer, setLayer] = useState(layers[0]?.name ?? "");
  const [snapshots, setSnapshots] = useState<Snapshot[]>([]);
  const [at, setAt] = useState(0);
  useEffect(() => {
    // a training that has only begun has no filters to show
    if (!layer || !(epochs || now.has_weights)) return;
    let left = false;
    backend.value!
      .kernels(now.name, layer)
      .then((found) => {
        if (left) return;
        const read = Array.from(found, ([name, kernels]) => ({
          epoch: name.startsWith("epoch-") ? Number(name.slice(6)) : null,
          kernels,
        })).sort((a, b) => (a.epoch ?? 0) - (b.epoch ?? 0));
        setSnapshots(read);
        setAt(read.length - 1);
      })
      .catch(() => !left && setSnapshots([]));
    return () => {
      left = true;
    };
  }, [now.name, layer, epochs]);
  if (!layers.length) return <p class="empty">{t("training.noFilters")}</p>;
  const shown = snapshots[Math.min(at, snapshots.length - 1)];
  return (
    <section class="filters" aria-label={t("training.filters")}>
      <header>
        <h3>{t("training.filters")}</h3>
        <select
          aria-label={t("training.layer")}
          value={layer}
          onChange={(event) => setLayer(event.currentTarget.value)}
        >
          {layers.map((row) => (
            <option key={row.name}>{row.name}</option>
          ))}
        </select>
      </header>
      <p class="quiet">{t(snapshots.length > 1 ? "training.filtersHint" : "training.filtersOnly")}</p>
      {snapshots.length > 1 && (
        <label class="slider">
          <input
            type="range"
            min={0}
            max={snapshots.length - 1}
            value={at}
            onInput={(event) => setAt(Number(event.currentTarget.value))}
          />
          <span>{t("training.atEpoch", { n: shown?.epoch ?? 0 })}</span>
        </label>
      )}
      {shown && <Sheet kernels={shown.kernels} scale={scaleOf(snapshots[snapshots.length - 1]!.kernels.data)} />}
    </section>
  );
}

function Sheet({ kernels, scale }: { kernels: Tensor; scale: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const shown = theme.value;
  useEffect(() => {
    const [count, depth, height, width] = kernels.shape as [number, number, number, number];
    const room = canvas.current!.parentElement!.clientWidth;
    const tile = proportioned(height, width, count > 48 ? 36 : 46);
    const [right, below] = [tile.width + 8, tile.height + 8];
    const across = Math.min(count, Math.max(1, Math.floor((room + 8) / right)));
    const context = prepare(canvas.current!, across * right - 8, Math.ceil(count / across) * below - 8);
    for (let filter = 0; filter < count; filter++) {
      const start = filter * depth * height * width;
      const own = kernels.data.subarray(start, start + height * width);
      const [x, y] = [(filter % across) * right, Math.floor(filter / across) * below];
      context.drawImage(mapCanvas(own, width, height, shown, scale), x, y, tile.width, tile.height);
    }
  }, [kernels, shown, scale]);
  return <canvas ref={canvas} role="img" aria-label={t("training.filters")} />;
}
