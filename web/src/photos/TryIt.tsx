/** The classifier at work on what the camera sees, and on photos that are chosen. */
import { useEffect, useRef, useState } from "preact/hooks";
import { asProblem, type Problem } from "../backend/problem";
import { percent } from "../draw/numbers";
import { t } from "../i18n";
import type { Model, Ranked } from "../model/contract";
import { ProblemNote } from "../shell/ProblemNote";
import { picture, possible, used } from "./camera";
import { Video } from "./Video";

/** Milliseconds from one answer to the next question. */
const PAUSE = 60;
/** The shorter side of a picture that is sent, in pixels; the network looks at 224. */
const SIDE = 256;

interface Props {
  run: Model;
  classify: (photo: Blob) => Promise<Ranked[]>;
}

export function TryIt({ run, classify }: Props) {
  const [live, setLive] = useState(used.value);
  const [still, setStill] = useState<string | null>(null);
  const [answer, setAnswer] = useState<Ranked[] | null>(null);
  const [refused, setRefused] = useState<Problem | null>(null);
  const video = useRef<HTMLVideoElement>(null);
  const chooser = useRef<HTMLInputElement>(null);

  const ask = async (photo: Blob) => {
    try {
      setAnswer(await classify(photo));
      setRefused(null);
    } catch (thrown) {
      const problem = asProblem(thrown);
      // its weights are about to be opened
      if (problem.code !== "no_weights") setRefused(problem);
    }
  };

  useEffect(() => {
    if (!live) return;
    let timer = 0;
    let left = false;
    const look = async () => {
      const photo = video.current && !document.hidden ? await picture(video.current, SIDE) : null;
      if (photo && !left) await ask(photo);
      if (!left) timer = window.setTimeout(() => void look(), photo ? PAUSE : 4 * PAUSE);
    };
    void look();
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [live, run.name]);
  useEffect(() => () => void (still && URL.revokeObjectURL(still)), [still]);

  const choose = (file: File | undefined) => {
    if (!file) return;
    setLive(false);
    setAnswer(null);
    setStill(URL.createObjectURL(file));
    void ask(file);
  };
  const best = answer?.[0];
  return (
    <section class="panel try" aria-labelledby="try-title">
      <h2 id="try-title">{t("photos.try")}</h2>
      {live ? (
        <Video video={video} label={t("photos.live")} />
      ) : (
        still && <img class="still" src={still} alt={t("photos.chosen")} />
      )}
      {best && (live || still) && (
        <>
          <p class="winner" data-testid="live-winner">
            <strong aria-live="polite">{best.class}</strong> <span>{percent(best.probability)}</span>
          </p>
          <ul class="shares">
            {inOrder(run.classes, answer).map(({ class: name, probability }) => (
              <li key={name} class={name === best.class ? "is-best" : ""}>
                <span class="name">{name}</span>
                <span class="bar">
                  <i style={{ width: `${100 * probability}%` }} />
                </span>
                <span class="share">{percent(probability)}</span>
              </li>
            ))}
          </ul>
          <p class="quiet">{t("photos.always")}</p>
        </>
      )}
      {refused && <ProblemNote problem={refused} />}
      <div class="tools">
        {possible() && (
          <button
            class={live ? "" : "primary"}
            onClick={() => {
              setStill(null);
              setAnswer(null);
              setLive(!live);
            }}
          >
            {t(live ? "photos.cameraOff" : "photos.cameraOn")}
          </button>
        )}
        <button onClick={() => chooser.current!.click()}>{t("photos.tryFile")}</button>
        <input
          ref={chooser}
          type="file"
          accept="image/*"
          hidden
          data-testid="try-file"
          onChange={(event) => {
            choose(event.currentTarget.files?.[0]);
            event.currentTarget.value = "";
          }}
        />
      </div>
    </section>
  );
}

/** The classes that an answer names, where they are few in their own order, so that bars do not jump. */
function inOrder(classes: readonly string[], answer: readonly Ranked[]): readonly Ranked[] {
  if (classes.length > answer.length) return answer;
  return answer.toSorted((a, b) => classes.indexOf(a.class) - classes.indexOf(b.class));
}
