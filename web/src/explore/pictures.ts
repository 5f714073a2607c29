/** Pictures from outside: files that are dropped or chosen, samples, the camera. */
/** A data: URL's bytes; fetching it would be a request that a strict page forbids. */
export function fromDataUrl(url: string): Blob {
  const [head, body] = url.split(",", 2) as [string, string];
  const bytes = Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type: head.slice(5).split(";")[0] ?? "image/png" });
}

/** The first image among what was chosen, dropped or pasted; else the first file, for the reader to be told. */
export function imageAmong(files: FileList | null | undefined): File | null {
  const chosen = Array.from(files ?? []);
  return chosen.find((file) => file.type.startsWith("image/")) ?? chosen[0] ?? null;
}
