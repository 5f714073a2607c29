/** Hold a button, and the camera's pictures become photos of a class. */
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n";
import type { PhotoClass } from "../model/contract";
import { picture } from "./camera";
import { send, trouble } from "./collecting";
import { Video } from "./Video";

/** Pictures per second while the button is held. */
const RATE = 6;

export function Recorder({ label, onClose }: { label: PhotoClass; onClose: () => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const [ready, setReady] = useState(false);
  const [taken, setTaken] = useState<number | null>(null);
  const timer = useRef(0);
  const waiting = useRef<Blob[]>([]);
  const sending = useRef(false);

  const begin = () => {
    if (!ready || timer.current) return;
    trouble.value = null;
    // frames of one recording resemble each other: the server keeps them on one side of the split
    const recording = `r-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
    let count = 0;
    setTaken(0);
    const take = async () => {
      const photo = video.current && (await picture(video.current));
      if (!photo) return;
      if (trouble.value) return end();
      setTaken(++count);
      waiting.current.push(photo);
      if (sending.current) return;
      sending.current = true;
      while (waiting.current.length) await send(label.id, waiting.current.splice(0), recording);
      sending.current = false;
    };
    void take();
    timer.current = window.setInterval(() => void take(), 1000 / RATE);
  };
  const end = () => {
    clearInterval(timer.current);
    timer.current = 0;
    setTaken(null);
  };
  useEffect(() => end, []);

  const pressed = (event: KeyboardEvent) => event.key === " " || event.key === "Enter";
  return (
    <div class={`recorder${taken !== null ? " is-recording" : ""}`}>
      <Video video={video} label={t("photos.seen", { name: label.name })} onReady={setReady} />
      <div class="tools">
        <button
          class="primary hold"
          disabled={!ready}
          aria-pressed={taken !== null}
          onPointerDown={(event) => {
            if (event.button !== 0) return;
            event.currentTarget.setPointerCapture(event.pointerId);
            begin();
          }}
          onPointerUp={end}
          onPointerCancel={end}
          onContextMenu={(event) => event.preventDefault()}
          onKeyDown={(event) => {
            if (!pressed(event)) return;
            event.preventDefault();
            if (!event.repeat) begin();
          }}
          onKeyUp={(event) => pressed(event) && end()}
          onBlur={end}
        >
          {taken === null ? t("photos.hold") : t("photos.taken", { n: taken })}
        </button>
        <button onClick={onClose}>{t("close")}</button>
      </div>
      <p class="quiet">{t("photos.holdHint")}</p>
    </div>
  );
}
