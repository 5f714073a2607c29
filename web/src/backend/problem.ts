import type { LayerRow, Mistake } from "../model/types";

/** What a problem is about, beside its three parts. */
interface About {
  /** A word for programs; the server's, or one of the page's own. */
  code: string;
  status: number;
  /** Of a request: which of its fields is wrong. */
  field: string;
  /** Where the layer stands that is at fault: `[3, "residual", 1]`; empty where none is. */
  at: readonly (number | string)[];
  /** The table up to that layer. */
  table: readonly LayerRow[];
  /** All mistakes of a network, in the order of its layers. */
  mistakes: readonly Mistake[];
}

/** An error in convlens's three parts: what is wrong and where, what was expected, what to do. */
export class Problem extends Error implements About {
  readonly code: string;
  readonly status: number;
  readonly field: string;
  readonly at: readonly (number | string)[];
  readonly table: readonly LayerRow[];
  readonly mistakes: readonly Mistake[];

  constructor(
    message: string,
    readonly expected = "",
    readonly fix = "",
    about: Partial<About> = {},
  ) {
    super(message);
    this.code = about.code ?? "unexpected";
    this.status = about.status ?? 0;
    this.field = about.field ?? "";
    this.at = about.at ?? [];
    this.table = about.table ?? [];
    this.mistakes = about.mistakes ?? [];
  }
}

interface Written extends Partial<Omit<About, "status">> {
  message?: string;
  expected?: string;
  fix?: string;
}

/** Read the problem that an answer carries. */
export async function problemOf(response: Response): Promise<Problem> {
  const { error = {} } = (await response.json().catch(() => ({}))) as { error?: Written };
  const { message, expected, fix, ...about } = error;
  const status = response.status;
  return new Problem(message ?? `${status} ${response.statusText}`, expected, fix, { ...about, status });
}

/** Make a problem of whatever was thrown. */
export function asProblem(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown;
  return new Problem(thrown instanceof Error ? thrown.message : String(thrown));
}
