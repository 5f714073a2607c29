/** The collection that is shown, and what is done to it: one thing after the other. */
import { computed, signal } from "@preact/signals";
import { asProblem, Problem } from "../backend/problem";
import { t } from "../i18n";
import type { AddedPhotos, PhotoBounds, PhotoClass, PhotoCollection, PhotoSummary, RefusedPhoto } from "../model/contract";
import { byFolder, parts, type Chosen } from "./files";
import { service } from "./service";

/** What became of the files that were added last. */
export interface Outcome {
  added: number;
  known: number;
  refused: RefusedPhoto[];
  refusedCount: number;
}

export const collection = signal<PhotoCollection | null>(null);
export const collections = signal<PhotoSummary[] | null>(null);
export const bounds = signal<PhotoBounds | null>(null);
export const trouble = signal<Problem | null>(null);
export const outcome = signal<Outcome | null>(null);
/** How many photos are on their way, by class; null stands for a zip. */
export const underWay = signal<ReadonlyMap<string | null, number>>(new Map());

export const training = computed(() => collection.value?.training ?? null);
export const count = computed(() => collection.value?.classes.reduce((sum, one) => sum + one.photos.length, 0) ?? 0);

/** A request carries less than the server takes, so that photos appear as they arrive. */
const REQUEST = { bytes: 4 * 2 ** 20, count: 16 };

let last: Promise<unknown> = Promise.resolve();

/** Do something to the collection when what was asked before is done; what goes wrong is shown. */
function next<T>(work: () => Promise<T>): Promise<T | undefined> {
  const done = last.then(work).catch((thrown: unknown) => {
    trouble.value = asProblem(thrown);
    return undefined;
  });
  last = done;
  return done;
}

function take(changed: PhotoCollection): PhotoCollection {
  // a slower answer about another collection is no longer wanted
  if (collection.value === null || collection.value.id === changed.id) collection.value = changed;
  return changed;
}

export function load(): Promise<unknown> {
  return next(async () => {
    const listed = await service.list();
    bounds.value = listed.bounds;
    collections.value = listed.collections;
    const wanted = collection.value?.id ?? listed.collections[0]?.id;
    const there = listed.collections.some((one) => one.id === wanted);
    collection.value = wanted && there ? await service.one(wanted) : null;
    if (trouble.value?.code === "offline") trouble.value = null;
  });
}

export function show(id: string | null): void {
  void next(async () => {
    outcome.value = null;
    trouble.value = null;
    collection.value = id === null ? null : await service.one(id);
  });
}

export async function refresh(): Promise<void> {
  const id = collection.value?.id;
  if (id) take(await service.one(id));
}

/** The collection that is shown, or a new one with classes of these names. */
async function present(names: string[]): Promise<PhotoCollection> {
  if (collection.value) return collection.value;
  const made = await service.create(names);
  collections.value = (await service.list()).collections;
  collection.value = made;
  return made;
}

export const begin = (names: string[]) => next(() => present(names));

export const addClass = () =>
  next(async () => {
    const { id, classes } = await present([]);
    const names = classes.map((one) => one.name.toLowerCase());
    let number = classes.length + 1;
    while (names.includes(t("photos.className", { n: number }).toLowerCase())) number++;
    take(await service.addClass(id, t("photos.className", { n: number })));
  });

const changed = (work: (id: string) => Promise<PhotoCollection>) =>
  next(async () => {
    trouble.value = null;
    if (collection.value) take(await work(collection.value.id));
  });

export const rename = (label: string, name: string) => changed((id) => service.renameClass(id, label, name));
export const removeClass = (label: string) => changed((id) => service.removeClass(id, label));
export const removePhoto = (photo: string) => changed((id) => service.remove(id, photo));

export const deleteAll = () =>
  next(async () => {
    if (!collection.value) return;
    await service.delete(collection.value.id);
    collection.value = null;
    outcome.value = null;
    const listed = await service.list();
    collections.value = listed.collections;
    if (listed.collections[0]) collection.value = await service.one(listed.collections[0].id);
  });

/** Add what was dropped or chosen: into a class, or into the classes that folders name. */
export function add(chosen: Chosen, label: string | null): void {
  if (!chosen.photos.length && !chosen.archives.length) {
    trouble.value = new Problem(t("photos.noPhotos"), "JPEG, PNG, WebP, GIF, BMP, TIFF, zip", "", { code: "bad_image" });
    return;
  }
  trouble.value = null;
  outcome.value = null;
  for (const archive of chosen.archives) void addArchive(archive);
  if (label !== null) {
    void send(label, chosen.photos.map((one) => one.file));
    return;
  }
  for (const [folder, files] of byFolder(chosen.photos)) {
    void next(async () => {
      const label = await classFor(folder);
      void send(label, files);
    });
  }
}

/** The class of a folder's name, made where there is none; photos without a folder fill an empty one. */
async function classFor(folder: string | null): Promise<string> {
  const { id, classes } = await present([]);
  const wanted = (folder ?? "").normalize("NFC").slice(0, 60);
  const known = folder === null ? classes.find((one) => !one.photos.length) : named(classes, wanted);
  if (known) return known.id;
  const name = wanted || t("photos.className", { n: classes.length + 1 });
  const { classes: more } = take(await service.addClass(id, name));
  return more[more.length - 1]!.id;
}

function named(classes: readonly PhotoClass[], name: string): PhotoClass | undefined {
  return classes.find((one) => one.name.toLowerCase() === name.trim().toLowerCase());
}

/** Send photos to a class, a few at a time. */
export async function send(label: string, photos: readonly Blob[], recording?: string): Promise<void> {
  wait(label, photos.length);
  for (const part of parts(photos, REQUEST)) {
    await next(async () => {
      try {
        const id = collection.value!.id;
        const done = await service.add(id, label, part, recording).catch(async (thrown: unknown) => {
          const problem = asProblem(thrown);
          // all together were too many pixels, or one of them was too long for any request
          if (problem.code !== "too_large" || part.length === 1) throw refusedAlone(problem, part);
          return oneByOne(id, label, part, recording);
        });
        // a camera that sees the same twice is nothing to tell of
        tell(recording ? { ...done, known: 0 } : done);
      } catch (thrown) {
        const refused = thrown instanceof Alone ? thrown.refused : null;
        if (!refused) throw thrown;
        note({ added: 0, known: 0, refused: [refused], refused_count: 1 });
      } finally {
        wait(label, -part.length);
      }
    });
    if (trouble.value) break;
  }
  if (trouble.value) wait(label, -(underWay.value.get(label) ?? 0));
}

/** A file that was refused before the server looked at it. */
class Alone extends Error {
  constructor(readonly refused: RefusedPhoto) {
    super(refused.message);
  }
}

function refusedAlone(problem: Problem, part: readonly Blob[]): unknown {
  const [photo] = part;
  if (problem.code !== "too_large" || part.length > 1 || !photo) return problem;
  const file = photo instanceof File ? photo.name : "camera.jpg";
  return new Alone({ file, message: problem.message, expected: problem.expected, fix: problem.fix });
}

async function oneByOne(id: string, label: string, part: readonly Blob[], recording?: string): Promise<AddedPhotos> {
  const all: AddedPhotos[] = [];
  for (const photo of part) all.push(await service.add(id, label, [photo], recording));
  return {
    collection: all[all.length - 1]!.collection,
    added: all.reduce((sum, one) => sum + one.added, 0),
    known: all.reduce((sum, one) => sum + one.known, 0),
    refused: all.flatMap((one) => one.refused),
    refused_count: all.reduce((sum, one) => sum + one.refused_count, 0),
  };
}

function addArchive(file: File) {
  wait(null, 1);
  return next(async () => {
    try {
      const { id } = await present([]);
      tell(await service.archive(id, file));
    } finally {
      wait(null, -1);
    }
  });
}

function tell(done: AddedPhotos): void {
  take(done.collection);
  note(done);
}

function note(done: Omit<AddedPhotos, "collection">): void {
  const before = outcome.value ?? { added: 0, known: 0, refused: [], refusedCount: 0 };
  outcome.value = {
    added: before.added + done.added,
    known: before.known + done.known,
    refused: [...before.refused, ...done.refused].slice(0, 50),
    refusedCount: before.refusedCount + done.refused_count,
  };
}

function wait(label: string | null, more: number): void {
  const now = Math.max(0, (underWay.value.get(label) ?? 0) + more);
  underWay.value = new Map(underWay.value).set(label, now);
}

export const train = () =>
  next(async () => {
    trouble.value = null;
    if (!collection.value) return;
    const { id } = collection.value;
    await service.train(id);
    take(await service.one(id));
  });

export const stop = () =>
  next(async () => {
    if (training.value) await service.stop(training.value.run);
    await refresh();
  });
