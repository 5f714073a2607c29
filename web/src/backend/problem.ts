import type { LayerRow } from "../model/types";

/** An error in convlens's three parts: what is wrong and where, what was expected, what to do. */
export class Problem extends Error {
  constructor(
    message: string,
    readonly expected = "",
    readonly fix = "",
    /** Index of the layer that it is about, where the server says so. */
    readonly layer: number | null = null,
    readonly status = 0,
    /** The table up to that layer. */
    readonly table: LayerRow[] = [],
  ) {
    super(message);
  }
}

interface Written {
  error?: { message?: string; expected?: string; fix?: string; layer?: number | null; table?: LayerRow[] };
}

/** Read the problem that an answer carries. */
export async function problemOf(response: Response): Promise<Problem> {
  const written = (await response.json().catch(() => ({}))) as Written;
  const { message, expected, fix, layer, table } = written.error ?? {};
  return new Problem(
    message ?? `${response.status} ${response.statusText}`,
    expected ?? "",
    fix ?? "",
    layer ?? null,
    response.status,
    table ?? [],
  );
}

/** Make a problem of whatever was thrown. */
export function asProblem(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown;
  return new Problem(thrown instanceof Error ? thrown.message : String(thrown));
}
