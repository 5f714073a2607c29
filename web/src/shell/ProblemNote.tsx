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
      {problem.mistakes.length > 1 ? (
        <ol>
          {problem.mistakes.map((mistake, index) => (
            <li key={index}>
              <Parts what={mistake.what} expected={mistake.expected} fix={mistake.fix} />
            </li>
          ))}
        </ol>
      ) : (
        <Parts what={problem.message} expected={problem.expected} fix={problem.fix} />
      )}
    </div>
  );
}

function Parts({ what, expected, fix }: { what: string; expected: string; fix: string }) {
  return (
    <dl>
      <Part name={t("problem.what")} text={what} />
      <Part name={t("problem.expected")} text={expected} />
      <Part name={t("problem.fix")} text={fix} />
    </dl>
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
