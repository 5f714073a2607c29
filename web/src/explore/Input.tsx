/** Where an image comes from: a sheet to draw on, a file, the camera. */
import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n";
import { show } from "../live";
import type { Model } from "../model/contract";
import { refuseLarge } from "../preprocessing/header";
import { activations, backend, model, picture } from "../state";
import { Camera } from "./Camera";
import { after, ready, type Pen } from "./keyboardPen";
import { noteText } from "./notes";
import { fromDataUrl, imageAmong } from "./pictures";
import { seven, Sheet, type Point } from "./stroke";

/** What was picked elsewhere on the page, for the sheet to show. */
export const offered = signal<Blob | null>(null);

/** Whether drawing makes sense: light strokes on a dark ground, as in the sets of digits. */
function drawable(of: Model): boolean {
  const record = of.preprocessing;
  return record !== null && of.network.input[0] === 1 && (record.framing === "mnist" || record.background === "dark");
}

function digits(of: Model): boolean {
  return of.classes.includes("7") && of.classes.every((name) => /^\d$/.test(name));
}

export function Input() {
  const now = model.value!;
  const draws = drawable(now);
  const [, rowsOf, columnsOf] = now.network.input;
  const canvas = useRef<HTMLCanvasElement>(null);
  const chooser = useRef<HTMLInputElement>(null);
  const sheet = useRef<Sheet | null>(null);
  const own = useRef(false);
  const taken = useRef(false);
  const [erasing, setErasing] = useState(false);
  const [camera, setCamera] = useState(false);
  const [over, setOver] = useState(false);
  const [invited, setInvited] = useState(true);
  /** Only where the sheet was reached with the keyboard. */
  const [pen, setPen] = useState<Pen | null>(null);

  const fresh = () => show(() => sheet.current!.picture());

  const take = async (blob: Blob) => {
    own.current = false;
    taken.current = true;
    setInvited(false);
    const checked = refuseLarge(blob);
    show(async () => {
      await checked;
      return { blob };
    });
    // what cannot be shown on the sheet is told by the problem
    await checked.then(() => sheet.current?.place(blob)).catch(() => undefined);
  };

  useEffect(() => {
    sheet.current = new Sheet(canvas.current!, rowsOf, columnsOf);
    own.current = false;
    taken.current = false;
    setInvited(true);
    let stopped = false;
    if (digits(now) && draws) void write(() => stopped || own.current);
    else void firstSample();
    return () => {
      stopped = true;
    };
  }, [now.name]);

  /** Write a seven, so that the first thing seen is a network at work. */
  async function write(stop: () => boolean) {
    const points = seven();
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    for (const [i, point] of points.entries()) {
      if (stop()) return;
      if (i === 0) sheet.current!.down(point, false);
      else sheet.current!.line(point, false);
      if (!still && i % 2 === 0) {
        fresh();
        await new Promise((resolve) => setTimeout(resolve, 42));
      }
    }
    if (!stop()) fresh();
  }

  async function firstSample() {
    if (!now.has_samples) return;
    const samples = await backend.value!.samples(now.name, "test").catch(() => []);
    const right = samples.filter((sample) => sample.label === sample.predicted);
    const clearest = right.toSorted((a, b) => b.probability - a.probability)[0] ?? samples[0];
    // a photo that was chosen meanwhile stays
    if (clearest && model.value?.name === now.name && !activations.value && !taken.current) await take(fromDataUrl(clearest.image));
  }

  useEffect(() => {
    if (offered.value) void take(offered.value);
    offered.value = null;
  }, [offered.value]);

  // wherever on the page: a browser would leave it for a file that misses the sheet
  useEffect(() => {
    const paste = (event: ClipboardEvent) => {
      const file = imageAmong(event.clipboardData?.files);
      if (file) void take(file);
    };
    const drag = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      setOver(event.type === "dragover");
    };
    // leaving the window, not one of its elements for another
    const leave = (event: DragEvent) => {
      if (!event.relatedTarget) setOver(false);
    };
    const drop = (event: DragEvent) => {
      drag(event);
      const file = imageAmong(event.dataTransfer?.files);
      if (file) void take(file);
    };
    const listeners = { paste, dragover: drag, dragleave: leave, drop };
    for (const [name, listener] of Object.entries(listeners)) document.addEventListener(name, listener as EventListener);
    return () => {
      for (const [name, listener] of Object.entries(listeners)) document.removeEventListener(name, listener as EventListener);
    };
  }, [now.name]);

  const point = (event: PointerEvent): Point => {
    const { width, height } = canvas.current!;
    const box = canvas.current!.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
  };

  /** The first stroke of one's own wipes what was shown as an example. */
  const begin = () => {
    if (!own.current && invited) sheet.current!.clear();
    own.current = true;
    setInvited(false);
  };

  const key = (event: KeyboardEvent) => {
    if (!pen || event.altKey || event.ctrlKey || event.metaKey) return;
    const { width, height } = canvas.current!;
    const next = after(pen, event.key, width, height);
    if (next) {
      setPen(next);
      if (next.down) {
        if (pen.down) sheet.current!.line(next.at, erasing);
        else {
          begin();
          sheet.current!.down(next.at, erasing);
        }
        fresh();
      }
    } else if (event.key === "Delete" || event.key === "Backspace") clear();
    else return;
    event.preventDefault();
  };

  const clear = () => {
    own.current = true;
    sheet.current!.clear();
    fresh();
  };

  return (
    <section class={`input${over ? " is-over" : ""}`} aria-label={t("input.label")}>
      <h2>{draws ? (digits(now) ? t("input.drawDigit") : t("input.draw")) : t("input.photo")}</h2>
      <div class="sheet" style={{ "--ratio": columnsOf / rowsOf }}>
        <canvas
          ref={canvas}
          class={draws ? "drawing" : ""}
          role="img"
          aria-label={draws ? t("input.sheet") : t("input.shown")}
          aria-describedby={draws ? "sheet-keys" : undefined}
          data-testid="sheet"
          tabIndex={draws ? 0 : undefined}
          onFocus={() => setPen(ready(canvas.current!.width, canvas.current!.height))}
          onBlur={() => setPen(null)}
          onKeyDown={key}
          onPointerDown={(event) => {
            if (!draws || event.button !== 0) return;
            event.preventDefault();
            canvas.current!.setPointerCapture(event.pointerId);
            begin();
            sheet.current!.down(point(event), erasing || event.buttons === 32);
            fresh();
          }}
          onPointerMove={(event) => {
            if (!canvas.current!.hasPointerCapture(event.pointerId)) return;
            const parts = event.getCoalescedEvents?.() ?? [];
            for (const part of parts.length ? parts : [event]) {
              sheet.current!.line(point(part), erasing || event.buttons === 32);
            }
            fresh();
          }}
        />
        {pen && (
          <span
            class={`pen${pen.down ? " is-down" : ""}`}
            style={{
              left: `${(100 * pen.at[0]) / canvas.current!.width}%`,
              top: `${(100 * pen.at[1]) / canvas.current!.height}%`,
            }}
          />
        )}
        {draws && invited && !pen && activations.value && <p class="invitation">{t("input.yourTurn")}</p>}
        {!draws && !activations.value && <p class="invitation">{t("input.drop")}</p>}
        {camera && <Camera ratio={columnsOf / rowsOf} onPicture={(blob) => void take(blob)} onClose={() => setCamera(false)} />}
      </div>
      {draws && (
        <p id="sheet-keys" class={pen ? "quiet" : "visually-hidden"}>
          {t("input.keys")}
        </p>
      )}
      <div class="tools">
        {draws && (
          <div class="segmented" role="group" aria-label={t("input.tool")}>
            <button aria-pressed={!erasing} onClick={() => setErasing(false)}>
              {t("input.pen")}
            </button>
            <button aria-pressed={erasing} onClick={() => setErasing(true)}>
              {t("input.eraser")}
            </button>
          </div>
        )}
        {draws && <button onClick={clear}>{t("input.clear")}</button>}
      </div>
      <div class="tools">
        <button onClick={() => chooser.current!.click()}>{t("input.open")}</button>
        {"mediaDevices" in navigator && (
          <button onClick={() => setCamera(!camera)} aria-pressed={camera}>
            {t("input.camera")}
          </button>
        )}
        <input
          ref={chooser}
          type="file"
          accept="image/*"
          hidden
          aria-label={t("input.open")}
          data-testid="file"
          onChange={(event) => {
            const file = imageAmong(event.currentTarget.files);
            if (file) void take(file);
            event.currentTarget.value = "";
          }}
        />
      </div>
      <Notes />
    </section>
  );
}

/** What was done to the picture before the network saw it. */
function Notes() {
  // that a drawing was framed and shrunk is seen beside it
  const drawn = picture.value !== null && "pixels" in picture.value;
  const notes = drawn ? [] : (activations.value?.notes ?? []);
  if (!notes.length) return null;
  return (
    <ul class="notes">
      {notes.map((note) => (
        <li key={note}>{noteText(note)}</li>
      ))}
    </ul>
  );
}
