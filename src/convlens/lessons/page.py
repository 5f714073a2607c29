"""A lesson as files: one HTML page that needs nothing else, and each figure as SVG."""

from __future__ import annotations

from pathlib import Path

from convlens.foundation import atomic
from convlens.lessons.lesson import Lesson
from convlens.report.page import Drawing, page_environment
from convlens.report.text_table import Table


def render(name: str, lesson: Lesson, command: str) -> str:
    """Return the lesson as one self-contained HTML document; `command` is what repeats it.

    jinja2 escapes all text; only the SVG that `convlens.figures` drew, which escapes its own,
    passes as markup.
    """
    # the page looks like the run's report: one style sheet for both
    environment = page_environment("convlens.lessons")
    kinds = {str: "text", Table: "table", Drawing: "drawing"}
    parts = [(kinds[type(part)], part) for part in lesson.parts]
    template = environment.get_template("page.html.j2")
    return template.render(name=name, lesson=lesson, parts=parts, command=command)


def write(name: str, lesson: Lesson, command: str, folder: Path) -> list[Path]:
    """Write `<name>.html` and `<name>-<figure>.svg` into a folder, made where it is missing.

    Returns
    -------
    list of Path
        The files, the page first.

    Raises
    ------
    RunError
        Where the folder cannot be made or written to.
    StorageError
        Where the disk is full.
    """
    figures = {f"{name}-{figure}.svg": svg for figure, svg in lesson.figures.items()}
    texts = {f"{name}.html": render(name, lesson, command), **figures}
    return [Path(file) for file in atomic.write_folder(folder, texts)]
