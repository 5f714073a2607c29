/** Your photos: classes as columns, a classifier trained on them, and the classifier at work. */
import { useEffect, useRef, useState } from "preact/hooks";
import { offered } from "../explore/Input";
import { relist } from "../follow";
import { t } from "../i18n";
import type { Model } from "../model/contract";
import { ProblemNote } from "../shell/ProblemNote";
import { backend, model, models, open, view } from "../state";
import "../styles/photos.css";
import { possible } from "./camera";
import { ClassCard } from "./ClassCard";
import {
  add,
  addClass,
  begin,
  collection,
  collections,
  deleteAll,
  load,
  outcome,
  refresh,
  show,
  training,
  trouble,
  underWay,
} from "./collecting";
import { fromDialog, fromDrop } from "./files";
import { service } from "./service";
import { TrainPanel } from "./TrainPanel";
import { TryIt } from "./TryIt";

/** A file dialog for folders: every browser has it, and no list of attributes. */
const FOLDERS = { webkitdirectory: true };

/** Between two questions how far a training is, milliseconds. */
const PAUSE = 400;

export function Photos() {
  const now = collection.value;
  const [recording, setRecording] = useState<string | null>(null);
  const [over, setOver] = useState(false);
  const run = useTrained();

  useEffect(() => void load(), []);

  // a browser would leave the page for a file that misses the classes
  useEffect(() => {
    const drag = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      setOver(event.type === "dragover");
    };
    const leave = (event: DragEvent) => {
      if (!event.relatedTarget) setOver(false);
    };
    const drop = (event: DragEvent) => {
      setOver(false);
      if (event.defaultPrevented) return; // a class took it
      event.preventDefault();
      if (event.dataTransfer) void fromDrop(event.dataTransfer).then((chosen) => add(chosen, null));
    };
    const listeners = { dragover: drag, dragleave: leave, drop };
    for (const [name, listener] of Object.entries(listeners)) document.addEventListener(name, listener as EventListener);
    return () => {
      for (const [name, listener] of Object.entries(listeners)) document.removeEventListener(name, listener as EventListener);
    };
  }, []);

  const look = async (photo: string) => {
    if (!now || !run) return;
    const blob = await service.photo(now.id, photo);
    if (model.value?.name !== run.name) await open(run.name);
    offered.value = blob;
    view.value = "explore";
  };

  if (collections.value === null) {
    return (
      <main class="photos">
        {trouble.value ? <ProblemNote problem={trouble.value} /> : <p class="empty">{t("working")}</p>}
      </main>
    );
  }
  return (
    <main class={`photos${over ? " is-over" : ""}`}>
      <Head />
      {trouble.value && <ProblemNote problem={trouble.value} onClose={() => (trouble.value = null)} />}
      <OutcomeNote />
      {now === null ? (
        <Welcome
          onCamera={() =>
            void begin([1, 2].map((n) => t("photos.className", { n }))).then((made) =>
              setRecording(made?.classes[0]?.id ?? null),
            )
          }
        />
      ) : (
        <div class="board">
          <div class="classes">
            {now.classes.map((label) => (
              <ClassCard
                key={`${now.id} ${label.id}`}
                label={label}
                recording={recording === label.id}
                onRecord={(on) => setRecording(on ? label.id : null)}
                onLook={run ? (photo) => void look(photo) : null}
              />
            ))}
            <button class="add-class" onClick={() => void addClass()}>
              <span aria-hidden="true">+</span> {t("photos.addClass")}
            </button>
          </div>
          <div class="side">
            <TrainPanel run={run} />
            {run && !training.value && <TryIt key={run.name} run={run} classify={(photo) => service.classify(run.name, photo)} />}
          </div>
        </div>
      )}
    </main>
  );
}

/** The run that was trained on the collection, as soon as it can answer; the page opens a new one. */
function useTrained(): Model | null {
  const [run, setRun] = useState<Model | null>(null);
  const goes = training.value?.run ?? null;
  const name = collection.value?.trained?.run ?? null;
  const watched = useRef<string | null>(null);
  useEffect(() => {
    if (!goes) return;
    watched.current = goes;
    const timer = setInterval(() => void refresh().catch(() => undefined), PAUSE);
    return () => clearInterval(timer);
  }, [goes]);
  useEffect(() => {
    setRun((shown) => (shown?.name === name ? shown : null));
    if (goes || !name) {
      // a training that was stopped is no longer among the runs
      if (!goes && watched.current) void relist();
      return;
    }
    let left = false;
    const fresh = watched.current === name;
    watched.current = null;
    const ask = async () => {
      const opened = await backend.value!.model(name).catch(() => null);
      if (left || !opened) return;
      if (!opened.has_weights || !opened.tested) {
        setTimeout(() => void ask(), PAUSE);
        return;
      }
      setRun(opened);
      if (fresh) {
        models.value = await backend.value!.models();
        await open(name);
      }
    };
    void ask();
    return () => {
      left = true;
    };
  }, [goes, name]);
  return run;
}

function Head() {
  const [sure, setSure] = useState(false);
  const folder = useRef<HTMLInputElement>(null);
  const now = collection.value;
  const all = collections.value ?? [];
  const here = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  return (
    <header class="head">
      <div>
        <h1>{t("views.photos")}</h1>
        <p class="quiet private">
          <Lock />
          {here ? t("photos.private") : t("photos.privateThere", { host: location.hostname })}
        </p>
      </div>
      {now && (
        <div class="tools">
          {all.length > 1 && (
            <select aria-label={t("photos.collection")} value={now.id} onChange={(event) => show(event.currentTarget.value)}>
              {all.map((one) => (
                <option key={one.id} value={one.id}>
                  {(one.id === now.id ? now.classes.map((label) => label.name) : one.classes).join(", ") || t("photos.nothing")}
                </option>
              ))}
            </select>
          )}
          <button onClick={() => folder.current!.click()}>{t("photos.addFolder")}</button>
          <button onClick={() => show(null)}>{t("photos.new")}</button>
          <button disabled={training.value !== null} onClick={() => setSure(true)}>
            {t("photos.deleteAll")}
          </button>
          <input
            ref={folder}
            type="file"
            {...FOLDERS}
            multiple
            hidden
            data-testid="folder"
            onChange={(event) => {
              add(fromDialog(event.currentTarget.files), null);
              event.currentTarget.value = "";
            }}
          />
        </div>
      )}
      {sure && now && (
        <div class="sure" role="alertdialog" aria-label={t("photos.deleteAll")}>
          <p>{t("photos.sureAll")}</p>
          <div class="tools">
            <button
              class="danger"
              onClick={() => {
                setSure(false);
                void deleteAll();
              }}
            >
              {t("photos.deleteAll")}
            </button>
            <button onClick={() => setSure(false)}>{t("photos.keep")}</button>
          </div>
        </div>
      )}
    </header>
  );
}

/** Before the first photo: what this is, and the ways in. */
function Welcome({ onCamera }: { onCamera: () => void }) {
  const folder = useRef<HTMLInputElement>(null);
  const archive = useRef<HTMLInputElement>(null);
  const chosen = (event: Event & { currentTarget: HTMLInputElement }) => {
    add(fromDialog(event.currentTarget.files), null);
    event.currentTarget.value = "";
  };
  return (
    <section class="welcome">
      <h2>{t("photos.welcome")}</h2>
      <p>{t("photos.how")}</p>
      <div class="ways-in">
        {possible() && (
          <button class="primary" onClick={onCamera}>
            {t("photos.withCamera")}
          </button>
        )}
        <button onClick={() => folder.current!.click()}>{t("photos.withFolder")}</button>
        <button onClick={() => archive.current!.click()}>{t("photos.withZip")}</button>
      </div>
      <p class="quiet">{t("photos.dropFolders")}</p>
      <pre aria-hidden="true">{"photos/\n├── cat/   1.jpg  2.jpg …\n└── dog/   1.jpg  2.jpg …"}</pre>
      <input ref={folder} type="file" {...FOLDERS} multiple hidden data-testid="folder" onChange={chosen} />
      <input ref={archive} type="file" accept=".zip" hidden data-testid="zip" onChange={chosen} />
    </section>
  );
}

/** What became of the files that were added. */
function OutcomeNote() {
  const now = outcome.value;
  const packed = underWay.value.get(null) ?? 0;
  if (packed) {
    return (
      <p class="outcome" role="status">
        {t("photos.unpacking")} <span class="waiting" aria-hidden="true" />
      </p>
    );
  }
  if (!now || (!now.refusedCount && !now.known)) return null;
  return (
    <div class={`outcome${now.refusedCount ? " has-refused" : ""}`} role="status">
      <p>
        {t("photos.added", { n: now.added })} {now.known > 0 && t("photos.known", { n: now.known })}{" "}
        {now.refusedCount > 0 && <strong>{t("photos.refused", { n: now.refusedCount })}</strong>}
      </p>
      {now.refused.length > 0 && (
        <ul lang="en">
          {now.refused.map((one, index) => (
            <li key={index}>
              <b>{one.file}</b> {one.message}
            </li>
          ))}
        </ul>
      )}
      <button class="plain cross" aria-label={t("close")} title={t("close")} onClick={() => (outcome.value = null)}>
        ×
      </button>
    </div>
  );
}

function Lock() {
  return (
    <svg viewBox="0 0 16 16" width="13" height="13" aria-hidden="true">
      <rect x="3" y="7" width="10" height="7" rx="1.6" fill="currentColor" />
      <path d="M5 7V5a3 3 0 0 1 6 0v2" fill="none" stroke="currentColor" stroke-width="1.6" />
    </svg>
  );
}
