import type { Code, Error as Answered, ErrorParts } from "../model/contract";

/** The server's words for programs, and the page's own. */
export type ProblemCode = Code | "offline" | "no_file" | "unknown_kind" | "unexpected";

/** What a problem is about, beside its three parts: what the server says of it, where it is its own. */
interface About extends Required<Pick<ErrorParts, "field" | "at" | "table" | "mistakes">> {
  code: ProblemCode;
  status: number;
}

/** An error in convlens's three parts: what is wrong and where, what was expected, what to do. */
export class Problem extends Error implements About {
  readonly code: ProblemCode;
  readonly status: number;
  readonly field: string;
  readonly at: About["at"];
  readonly table: About["table"];
  readonly mistakes: About["mistakes"];

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

/** Read the problem that an answer carries; what stands between may answer in another form. */
export async function problemOf(response: Response): Promise<Problem> {
  const { error = {} } = (await response.json().catch(() => ({}))) as { error?: Partial<Answered["error"]> };
  const { message, expected, fix, ...about } = error;
  const status = response.status;
  return new Problem(message ?? `${status} ${response.statusText}`, expected, fix, { ...about, status });
}

/** Make a problem of whatever was thrown. */
export function asProblem(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown;
  return new Problem(thrown instanceof Error ? thrown.message : String(thrown));
}
