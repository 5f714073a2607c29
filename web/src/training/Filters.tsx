/** The filters of a layer as they were learned, from before training to the end. */
import { useEffect, useRef, useState } from "preact/hooks";
import { mapCanvas, prepare } from "../draw/canvas";
import { scaleOf } from "../draw/colour";
import { proportioned } from "../draw/proportions";
import { t, type Key } from "../i18n";
import { familyOf } from "../kinds/kinds";
import type { Tensor } from "../model/tensor";
import { channelText } from "../inspector/maps";
import { backend, model, theme } from "../state";

/** Between two epochs that are played, milliseconds. */
const PAUSE = 500;

/** Of none, one or more epochs. */
const HINTS: Key[] = ["training.filtersSoon", "training.filtersOnly", "training.filtersHint"];

interface Snapshot {
  epoch: number | null;
  kernels: Tensor;
}

export function Filters({ epochs }: { epochs: number }) {
  const now = model.value!;
  const layers = now.layers.filter((step) => familyOf(step.kind) === "correlation");
  const [layer, setLayer] = useState(layers[0]?.name ?? "");
  const [snapshots, setSnapshots] = useState<Snapshot[]>([]);
  const [at, setAt] = useState(0);
  const [channel, setChannel] = useState(0);
  const [playing, setPlaying] = useState(false);
  useEffect(() => {
    // a training that has only begun has no filters to show
    if (!layer || !now.has_weights) return;
    let left = false;
    backend.value!
      .kernels(now.name, layer)
      .then((recorded) => {
        if (left) return;
        const read = Array.from(recorded, ([name, kernels]) => ({
          epoch: name.startsWith("epoch-") ? Number(name.slice(6)) : null,
          kernels,
        })).sort((a, b) => (a.epoch ?? 0) - (b.epoch ?? 0));
        setSnapshots(read);
        // at the newest epoch it stays at the newest; one that was chosen stays chosen
        setAt((now) => (now >= snapshots.length - 1 ? read.length - 1 : now));
      })
      .catch(() => !left && setSnapshots([]));
    return () => {
      left = true;
    };
  }, [now.name, layer, epochs, now.has_weights]);
  useEffect(() => {
    if (!playing) return;
    const timer = setTimeout(() => {
      if (at + 1 < snapshots.length) setAt(at + 1);
      else setPlaying(false);
    }, PAUSE);
    return () => clearTimeout(timer);
  }, [playing, at, snapshots.length]);
  if (!layers.length) return <p class="empty">{t("training.noFilters")}</p>;
  const shown = snapshots[Math.min(at, snapshots.length - 1)];
  const depth = shown?.kernels.shape[1] ?? 1;
  const source = now.layers.find((step) => step.name === layer)?.source[0] ?? null;
  const play = () => {
    if (!playing && at + 1 >= snapshots.length) setAt(0);
    setPlaying(!playing);
  };
  return (
    <section class="filters" aria-label={t("training.filters")}>
      <header>
        <h3>{t("training.filters")}</h3>
        <div class="choices">
          {depth > 1 && (
            <select
              aria-label={t("training.channel")}
              value={channel}
              onChange={(event) => setChannel(Number(event.currentTarget.value))}
            >
              {Array.from({ length: depth }, (_, index) => (
                <option key={index} value={index}>
                  {t("training.channelN", { n: channelText(source, index) })}
                </option>
              ))}
            </select>
          )}
          <select
            aria-label={t("training.layer")}
            value={layer}
            onChange={(event) => {
              setLayer(event.currentTarget.value);
              setChannel(0);
              setPlaying(false);
            }}
          >
            {layers.map((step) => (
              <option key={step.name}>{step.name}</option>
            ))}
          </select>
        </div>
      </header>
      <p class="quiet">{t(HINTS[Math.min(snapshots.length, 2)]!)}</p>
      {snapshots.length > 1 && (
        <div class="slider">
          <button onClick={play}>{t(playing ? "training.pause" : "training.play")}</button>
          <label>
            <input
              type="range"
              min={0}
              max={snapshots.length - 1}
              value={at}
              onInput={(event) => {
                setPlaying(false);
                setAt(Number(event.currentTarget.value));
              }}
            />
            <span>{t("training.atEpoch", { n: shown?.epoch ?? 0 })}</span>
          </label>
        </div>
      )}
      {shown && <Sheet kernels={shown.kernels} channel={Math.min(channel, depth - 1)} scale={scaleOf(snapshots[snapshots.length - 1]!.kernels.data)} />}
    </section>
  );
}

function Sheet({ kernels, channel, scale }: { kernels: Tensor; channel: number; scale: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const shown = theme.value;
  useEffect(() => {
    const [count, depth, height, width] = kernels.shape as [number, number, number, number];
    const card = canvas.current!.parentElement!;
    const { paddingLeft, paddingRight } = getComputedStyle(card);
    const room = card.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
    const tile = proportioned(height, width, count > 48 ? 36 : 46);
    const [right, below] = [tile.width + 8, tile.height + 8];
    const across = Math.min(count, Math.max(1, Math.floor((room + 8) / right)));
    const context = prepare(canvas.current!, across * right - 8, Math.ceil(count / across) * below - 8);
    for (let filter = 0; filter < count; filter++) {
      const start = (filter * depth + channel) * height * width;
      const own = kernels.data.subarray(start, start + height * width);
      const [x, y] = [(filter % across) * right, Math.floor(filter / across) * below];
      context.drawImage(mapCanvas(own, width, height, shown, scale), x, y, tile.width, tile.height);
    }
  }, [kernels, channel, shown, scale]);
  return <canvas ref={canvas} role="img" aria-label={t("training.filters")} />;
}
