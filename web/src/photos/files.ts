/** What a person drops or chooses: photos with the names of their folders, and zips. */

/** A photo, and the folder that it lies in; null where it came by itself. */
export interface Found {
  file: File;
  folder: string | null;
}

export interface Chosen {
  photos: Found[];
  archives: File[];
}

const PHOTO = /\.(jpe?g|png|webp|gif|bmp|tiff?)$/i;
const ARCHIVE = /\.zip$/i;

/** Files that a person does not know of, such as `.DS_Store`. */
const hidden = (name: string) => name.startsWith(".") || name === "Thumbs.db";

export function sorted(found: readonly Found[]): Chosen {
  const chosen: Chosen = { photos: [], archives: [] };
  for (const one of found) {
    if (hidden(one.file.name)) continue;
    if (ARCHIVE.test(one.file.name)) chosen.archives.push(one.file);
    // what lies in a folder beside photos is left out; what was chosen by itself is tried, and told of
    else if (one.folder === null || PHOTO.test(one.file.name) || one.file.type.startsWith("image/")) chosen.photos.push(one);
  }
  return chosen;
}

/** The files of a file dialog; one for folders gives each file's path. */
export function fromDialog(files: FileList | null): Chosen {
  return sorted(
    Array.from(files ?? [], (file) => ({ file, folder: parent(file.webkitRelativePath) })),
  );
}

/** The name of the folder that a path's last part lies in. */
export function parent(path: string): string | null {
  const parts = path.split("/").filter(Boolean);
  return parts.length > 1 ? parts[parts.length - 2]! : null;
}

/** What was dropped, folders with all that lies below them. */
export async function fromDrop(data: DataTransfer): Promise<Chosen> {
  // the entries are gone once this function waits for something
  const entries = Array.from(data.items, (item) => item.webkitGetAsEntry?.() ?? null);
  const files = Array.from(data.files);
  if (entries.every((entry) => entry === null)) return sorted(files.map((file) => ({ file, folder: null })));
  const found: Found[] = [];
  for (const entry of entries) if (entry) await walk(entry, null, found);
  return sorted(found);
}

async function walk(entry: FileSystemEntry, folder: string | null, found: Found[]): Promise<void> {
  if (hidden(entry.name)) return;
  if (entry.isFile) {
    const file = await new Promise<File>((good, bad) => (entry as FileSystemFileEntry).file(good, bad));
    found.push({ file, folder });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const read = () => new Promise<FileSystemEntry[]>((good, bad) => reader.readEntries(good, bad));
  // a reader hands out a hundred at a time
  for (let some = await read(); some.length; some = await read()) {
    for (const inner of some) await walk(inner, entry.name, found);
  }
}

/** Photos by their folder, in the order in which the folders came. */
export function byFolder(photos: readonly Found[]): Map<string | null, File[]> {
  const groups = new Map<string | null, File[]>();
  for (const { file, folder } of photos) {
    const group = groups.get(folder);
    if (group) group.push(file);
    else groups.set(folder, [file]);
  }
  return groups;
}

/** Cut files into parts that one request can carry. */
export function parts<F extends { size: number }>(files: readonly F[], most: { bytes: number; count: number }): F[][] {
  const all: F[][] = [];
  let room = 0;
  for (const file of files) {
    const last = all[all.length - 1];
    if (last && last.length < most.count && file.size <= room) {
      last.push(file);
      room -= file.size;
    } else {
      all.push([file]);
      room = most.bytes - file.size;
    }
  }
  return all;
}
