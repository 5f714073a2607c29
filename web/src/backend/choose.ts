/** Find out what kind of page this is: `convlens publish` marks its own and names the file beside it. */
import type { Backend } from "./backend";
import { missing } from "./missing";

export async function chooseBackend(): Promise<Backend> {
  const mark = document.querySelector<HTMLMetaElement>('meta[name="convlens-site"]');
  if (!mark) return (await import("./served")).served;
  const [{ published }, response] = await Promise.all([
    import("./published"),
    fetch(mark.content).catch(() => null),
  ]);
  if (!response?.ok) throw missing(mark.content);
  return published(await response.json());
}
