/** What the page says about a problem in the reader's language, by the problem's code. */
import type { Problem, ProblemCode } from "../backend/problem";
import { t } from "../i18n";

type Kind =
  | "image"
  | "large"
  | "network"
  | "kind"
  | "training"
  | "request"
  | "busy"
  | "trains"
  | "data"
  | "early"
  | "gone"
  | "access"
  | "files"
  | "archive"
  | "photos"
  | "full"
  | "server"
  | "offline"
  | "site"
  | "other";

/** Every code that the server answers with, and the page's own. */
const KINDS: Record<ProblemCode, Kind> = {
  bad_archive: "archive",
  bad_image: "image",
  too_large: "large",
  bad_network: "network",
  invalid: "request",
  bad_request: "request",
  bad_multipart: "request",
  too_many_parts: "request",
  unsupported_media_type: "request",
  method_not_allowed: "request",
  refused: "request",
  overloaded: "busy",
  too_slow: "busy",
  busy: "trains",
  no_data: "data",
  no_kernels: "early",
  no_weights: "early",
  no_report: "early",
  not_evaluated: "early",
  bad_name: "gone",
  not_found: "gone",
  no_such_model: "gone",
  no_such_training: "gone",
  no_such_photos: "gone",
  too_few_photos: "photos",
  too_many_photos: "full",
  no_token: "access",
  wrong_host: "access",
  wrong_origin: "access",
  unreadable: "files",
  internal: "server",
  offline: "offline",
  no_file: "site",
  unknown_kind: "kind",
  unexpected: "other",
};

function kindOf(problem: Problem): Kind {
  if (problem.code === "invalid" && /^(settings|data$|recipe$)/.test(problem.field)) return "training";
  if (problem.code === "invalid" && problem.field.startsWith("network")) return "network";
  if (problem.code === "invalid" && problem.field.startsWith("image")) return "image";
  // something between the page and the server may answer with a code of its own
  return Object.hasOwn(KINDS, problem.code) ? KINDS[problem.code] : "other";
}

export function titleOf(problem: Problem): string {
  return t(`problem.is.${kindOf(problem)}`);
}

export function adviceOn(problem: Problem): string {
  return t(`problem.do.${kindOf(problem)}`);
}
