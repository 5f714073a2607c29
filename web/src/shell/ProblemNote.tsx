/**
 * What went wrong: a heading in the reader's language, then the three parts with their numbers and
 * names, which are English wherever they come from. A reader of another language is told in it
 * what to do.
 */
import type { Problem } from "../backend/problem";
import { language, t } from "../i18n";
import { adviceOn, titleOf } from "./problemTexts";

export function ProblemNote({ problem, onClose }: { problem: Problem; onClose?: () => void }) {
  return (
    <div class="problem" role="alert" data-code={problem.code}>
      <h3>{titleOf(problem)}</h3>
      {onClose && (
        <button class="close" onClick={onClose} aria-label={t("close")} title={t("close")}>
          ×
        </button>
      )}
      {language.value !== "en" && <p>{adviceOn(problem)}</p>}
      <dl>
        <Part name={t("problem.what")} text={problem.message} />
        <Part name={t("problem.expected")} text={problem.expected} />
        <Part name={t("problem.fix")} text={problem.fix} />
      </dl>
    </div>
  );
}

function Part({ name, text }: { name: string; text: string }) {
  if (!text) return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd lang="en">{text}</dd>
    </div>
  );
}
