import { Problem } from "./problem";

/** A file of a published site that is not beside the page. */
export function missing(path: string): Problem {
  return new Problem(`${path} is missing beside the page`, "all files of the site", "publish it again: convlens publish RUN DIR", {
    code: "no_file",
  });
}
