/** What went wrong, in three parts: what, what was expected, what to do. */
import type { Problem } from "../backend/problem";
import { t } from "../i18n";

export function ProblemNote({ problem }: { problem: Problem }) {
  return (
    <div class="problem" role="alert">
      <p>
        <strong>{t("problem.what")}</strong> <span class="pre">{problem.message}</span>
      </p>
      {problem.expected && (
        <p>
          <strong>{t("problem.expected")}</strong> {problem.expected}
        </p>
      )}
      {problem.fix && (
        <p>
          <strong>{t("problem.fix")}</strong> {problem.fix}
        </p>
      )}
    </div>
  );
}
