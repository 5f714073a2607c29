/** What the server does for photos: it keeps them, and trains a classifier on them. */
import { address } from "../backend/addresses";
import { ask, get, json, post } from "../backend/served";
import type { AddedPhotos, PhotoCollection, PhotoCollections, Ranked } from "../model/contract";

const COLLECTION = "/v1/photos/{collection}";
const CLASS = `${COLLECTION}/classes/{label}` as const;

async function remove(path: string): Promise<PhotoCollection> {
  return (await ask(path, { method: "DELETE" })).json() as Promise<PhotoCollection>;
}

/** Photos as the parts of a form. */
function form(photos: readonly Blob[]): RequestInit {
  const body = new FormData();
  for (const photo of photos) body.append("image", photo, photo instanceof File ? photo.name : "camera.jpg");
  return { body };
}

export const service = {
  list: (): Promise<PhotoCollections> => get("/v1/photos", {}),
  create: (classes: string[]): Promise<PhotoCollection> => post("/v1/photos", {}, json<"/v1/photos">({ classes })),
  one: (collection: string): Promise<PhotoCollection> => get(COLLECTION, { collection }),
  delete: async (collection: string): Promise<void> => {
    await ask(address(COLLECTION, { collection }), { method: "DELETE" });
  },
  addClass: (collection: string, name: string): Promise<PhotoCollection> =>
    post(`${COLLECTION}/classes`, { collection }, json<typeof CLASS>({ name })),
  renameClass: (collection: string, label: string, name: string): Promise<PhotoCollection> =>
    post(CLASS, { collection, label }, json<typeof CLASS>({ name })),
  removeClass: (collection: string, label: string) => remove(address(CLASS, { collection, label })),
  add: async (collection: string, label: string, photos: readonly Blob[], recording?: string): Promise<AddedPhotos> => {
    const path = address(`${CLASS}/images`, { collection, label }, recording ? { recording } : {});
    return (await ask(path, { method: "POST", ...form(photos) })).json() as Promise<AddedPhotos>;
  },
  archive: async (collection: string, file: File): Promise<AddedPhotos> => {
    const title = file.name.replace(/\.zip$/i, "").slice(0, 60) || "photos";
    const path = address(`${COLLECTION}/archive`, { collection }, { title });
    const sent = { method: "POST", headers: { "Content-Type": "application/zip" }, body: file };
    return (await ask(path, sent)).json() as Promise<AddedPhotos>;
  },
  remove: (collection: string, photo: string) => remove(address(`${COLLECTION}/images/{photo}`, { collection, photo })),
  thumbnail: (collection: string, photo: string): string =>
    address(`${COLLECTION}/thumbnails/{photo}`, { collection, photo }),
  photo: async (collection: string, photo: string): Promise<Blob> =>
    (await ask(address(`${COLLECTION}/images/{photo}`, { collection, photo }))).blob(),
  train: async (collection: string): Promise<string> =>
    (await post(`${COLLECTION}/training`, { collection }, {})).run,
  stop: async (name: string): Promise<void> => {
    await ask(address("/v1/trainings/{name}", { name }), { method: "DELETE" });
  },
  classify: async (name: string, photo: Blob): Promise<Ranked[]> => {
    const answer = await post("/v1/models/{name}:predict", { name }, form([photo]));
    return answer.predictions[0]!.top;
  },
  report: (name: string): string => address("/v1/models/{name}/report", { name }),
  onnx: (name: string): string => address("/v1/models/{name}/onnx", { name }),
};
