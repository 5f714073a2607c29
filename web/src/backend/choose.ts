/** Find out what kind of page this is: a `site.json` beside it means a published one. */
import type { Backend } from "./backend";

export async function chooseBackend(): Promise<Backend> {
  try {
    const response = await fetch("site.json", { headers: { Accept: "application/json" } });
    const type = response.headers.get("Content-Type") ?? "";
    if (response.ok && type.includes("json")) {
      const { published } = await import("./published");
      return published(await response.json());
    }
  } catch (thrown) {
    if (!(thrown instanceof TypeError)) throw thrown;
  }
  const { served } = await import("./served");
  return served;
}
