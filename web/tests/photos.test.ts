import { expect, test } from "vitest";
import { byFolder, parent, parts, sorted, type Found } from "../src/photos/files";

const file = (name: string, size = 1, type = "") => ({ name, size, type }) as File;
const found = (path: string, type = ""): Found => ({ file: file(path.split("/").at(-1)!, 1, type), folder: parent(path) });

test("the folder that a photo lies in is its class", () => {
  const { photos } = sorted(["photos/cat/1.jpg", "photos/dog/2.PNG", "photos/cat/3.webp", "4.jpg"].map((path) => found(path)));
  const groups = byFolder(photos);
  expect([...groups.keys()]).toEqual(["cat", "dog", null]);
  expect(groups.get("cat")!.map((one) => one.name)).toEqual(["1.jpg", "3.webp"]);
});

test("what lies beside photos is left out, and what is chosen by itself is tried", () => {
  const names = ["cat/notes.txt", "cat/.DS_Store", "cat/Thumbs.db", "cat/1.jpg", "cat/raw", "alone.txt", "all.zip"];
  const { photos, archives } = sorted(names.map((path) => found(path)));
  expect(photos.map((one) => one.file.name)).toEqual(["1.jpg", "alone.txt"]);
  expect(archives.map((one) => one.name)).toEqual(["all.zip"]);
  // a browser that knows that it is a picture is believed
  expect(sorted([found("cat/raw", "image/heic")]).photos).toHaveLength(1);
});

test("a request carries no more bytes and no more photos than it may, unless one photo is larger", () => {
  const sizes = [5, 5, 5, 40, 1, 1, 1, 1, 1];
  const cut = parts(sizes.map((size, n) => file(`${n}`, size)), { bytes: 12, count: 4 });
  expect(cut.map((part) => part.map((one) => one.size))).toEqual([[5, 5], [5], [40], [1, 1, 1, 1], [1]]);
  expect(parts([], { bytes: 1, count: 1 })).toEqual([]);
});
