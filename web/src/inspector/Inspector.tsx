/** The window view: how the selected cell came about, with all its numbers. */
import { useEffect, useRef, useState } from "preact/hooks";
import { shapeText } from "../draw/numbers";
import { t } from "../i18n";
import { isJoin } from "../kinds/kinds";
import { never } from "../kinds/never";
import { aboutText, classOf, kindText } from "../shell/layerText";
import { settingsText } from "../shell/settingsText";
import { cellAt } from "../windows/cells";
import { movedCell } from "../explore/choosing";
import { computedNow, model, steps, selected } from "../state";
import { computationOf } from "../windows/window";
import type { Step } from "../model/contract";
import type { CellComputation } from "../windows/computation";
import { AdditionView } from "./AdditionView";
import { ConcatenationView } from "./ConcatenationView";
import { CorrelationView } from "./CorrelationView";
import { FlattenView } from "./FlattenView";
import { MovingView } from "./MovingView";
import { MultiplicationView } from "./MultiplicationView";
import { PixelsView } from "./PixelsView";
import { PointwiseView } from "./PointwiseView";
import { PoolingView } from "./PoolingView";
import { SoftmaxView } from "./SoftmaxView";
import { WeightedSumView } from "./WeightedSumView";
import { bringIntoView, takeFocus } from "./focus";
import type { ViewProps } from "./parts";

/** Steps a second while the window slides. */
const SPEEDS = [4, 12, 40];

export function Inspector() {
  const place = selected.value!;
  const known = computedNow.value;
  if (place.layer === null) return <PixelsView plane={place.cell[0]!} />;
  const step = steps.value.get(place.layer);
  if (!known || !step) return <p class="empty">{t("working")}</p>;
  return <OfLayer key={step.name} step={step} cell={place.cell} computation={computationOf(known, step.name, place.cell)} />;
}

function OfLayer({ step, cell, computation }: { step: Step; cell: number[]; computation: CellComputation }) {
  const section = useRef<HTMLElement>(null);
  useEffect(() => bringIntoView(section.current!), []);
  useEffect(() => takeFocus(section.current!), []);
  const [playing, setPlaying] = useState(false);
  const [speed, setSpeed] = useState(1);
  const count = step.output.length === 3 ? step.output[1]! * step.output[2]! : step.output[0]!;
  const index = step.output.length === 3 ? cell[1]! * step.output[2]! + cell[2]! : cell[0]!;

  const go = (to: number) => {
    const at = (to + count) % count;
    selected.value = {
      layer: step.name,
      cell: step.output.length === 3 ? [cell[0]!, ...cellAt(step.output.slice(1), at)] : [at],
    };
  };
  useEffect(() => {
    if (!playing) return;
    const timer = setTimeout(() => {
      if (index + 1 >= count) setPlaying(false);
      else go(index + 1);
    }, 1000 / SPEEDS[speed]!);
    return () => clearTimeout(timer);
  }, [playing, index, speed]);

  const maps = step.output.length === 3;
  const name = classOf(step, cell[0]!);
  const props = { step, cell, sliding: playing };
  return (
    <section
      ref={section}
      class="inspector"
      tabIndex={-1}
      aria-label={t("inspector.label", { layer: step.name })}
      data-testid="inspector"
      data-total={computation.total}
      data-cell={cell.join(",")}
      onKeyDown={(event) => {
        if (event.target instanceof HTMLElement && event.target.closest("select, input, .channels")) return;
        const next = movedCell(event.key, cell, step.output);
        if (!next) return;
        event.preventDefault();
        selected.value = { layer: step.name, cell: next };
      }}
    >
      <header>
        <div class="what">
          <h2>
            {step.name}
            <small>
              {kindText(step)}
              {step.settings ? ` · ${settingsText(step.settings, t)}` : ""} · {inputText(step)} → {shapeText(step.output)}
            </small>
          </h2>
          <p class="about">{aboutText(step)}</p>
        </div>
        <p class="where">
          {maps
            ? t("inspector.cell", { map: cell[0]!, row: cell[1]!, column: cell[2]! })
            : name === null
              ? t("inspector.feature", { index: cell[0]! })
              : t("inspector.class", { name })}
        </p>
        {count > 1 && (
          <div class="player" role="group" aria-label={t("player.label")}>
            <button onClick={() => go(index - 1)} aria-label={t("player.back")} title={t("player.back")}>
              ‹
            </button>
            <button
              class="primary"
              onClick={() => {
                if (!playing && index + 1 >= count) go(0);
                setPlaying(!playing);
              }}
              data-testid="play"
            >
              {t(playing ? "player.pause" : maps ? "player.play" : "player.walk")}
            </button>
            <button onClick={() => go(index + 1)} aria-label={t("player.next")} title={t("player.next")}>
              ›
            </button>
            <button
              onClick={() => setSpeed((speed + 1) % SPEEDS.length)}
              title={t("player.speed", { n: SPEEDS[speed]! })}
            >
              {SPEEDS[speed]}/s
            </button>
          </div>
        )}
        <button class="close" onClick={() => (selected.value = null)} aria-label={t("close")} title={t("close")}>
          ×
        </button>
      </header>
      <div class="equation">
        <Equation {...props} computation={computation} />
      </div>
    </section>
  );
}

/** What a layer reads: of a join, what each branch gives. */
function inputText(step: Step): string {
  if (!isJoin(step.kind)) return shapeText(step.input);
  const shapes = step.source.map((name) => (name ? steps.value.get(name)!.output : model.value!.network.input));
  return shapes.map(shapeText).join(", ");
}

function Equation({ computation, ...props }: ViewProps) {
  switch (computation.family) {
    case "correlation":
      return <CorrelationView {...props} computation={computation} />;
    case "pooling":
      return <PoolingView {...props} computation={computation} />;
    case "weighted-sum":
      return <WeightedSumView {...props} computation={computation} />;
    case "pointwise":
      return <PointwiseView {...props} computation={computation} />;
    case "flattening":
      return <FlattenView {...props} computation={computation} />;
    case "moving":
      return <MovingView {...props} computation={computation} />;
    case "softmax":
      return <SoftmaxView {...props} computation={computation} />;
    case "addition":
      return <AdditionView {...props} computation={computation} />;
    case "multiplication":
      return <MultiplicationView {...props} computation={computation} />;
    case "concatenation":
      return <ConcatenationView {...props} computation={computation} />;
    default:
      return never(computation);
  }
}
