"""A study as files: one HTML page that needs nothing else, each figure, the tables, the numbers."""

from __future__ import annotations

import json

from convlens.foundation import atomic
from convlens.report import numbers
from convlens.report.page import page_environment
from convlens.studies.findings import Findings
from convlens.studies.study import Subject


def render(name: str, subject: Subject, findings: Findings, command: str, hint: str) -> str:
    """Return the study as one self-contained HTML document.

    jinja2 escapes all text; only the SVG that `convlens.figures` drew, which escapes its own,
    passes as markup.
    """
    environment = page_environment("convlens.studies")
    environment.filters["unbroken"] = numbers.unbroken
    return environment.get_template("study.html.j2").render(
        name=name,
        findings=findings,
        network=subject.network.name,
        data=subject.dataset.name,
        machine=subject.facts["machine"],
        computing=str(subject.compute),
        recipe=subject.recipe.to_toml(),
        train=numbers.whole(len(subject.dataset.train)),
        validation=numbers.whole(len(subject.dataset.validation)),
        toml=subject.network.to_toml(),
        command=command,
        hint=hint,
    )


def files(
    name: str, subject: Subject, findings: Findings, command: str, hint: str
) -> dict[str, str]:
    """Return the texts of a study's folder by file name, the page first."""
    tables = "\n\n".join(f"**{t.title}**\n\n{t.markdown()}" for t in findings.tables)
    results = {"study": name, "sentence": findings.sentence, **findings.results}
    results |= {"subject": subject.facts, "command": command}
    return {
        "index.html": render(name, subject, findings, command, hint),
        "results.json": json.dumps(atomic.finite(results), indent=2, allow_nan=False) + "\n",
        "tables.md": tables + "\n",
        **{f"{figure.name}.svg": figure.svg for figure in findings.figures},
    }
