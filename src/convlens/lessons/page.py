"""A lesson as files: one HTML page that needs nothing else, and each figure as SVG."""

from __future__ import annotations

from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader

from convlens import atomic
from convlens.lessons.lesson import Drawing, Lesson, Table


def render(name: str, lesson: Lesson, command: str) -> str:
    """Return the lesson as one self-contained HTML document; `command` is what repeats it.

    jinja2 escapes all text; only the SVG that `convlens.figures` drew, which escapes its own,
    passes as markup.
    """
    environment = Environment(
        # the page looks like the run's report: one style sheet for both
        loader=ChoiceLoader(
            [PackageLoader("convlens.lessons", ""), PackageLoader("convlens.report", "")]
        ),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
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
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise atomic.explain(error, folder) from error
    page = folder / f"{name}.html"
    atomic.write_text(page, render(name, lesson, command))
    files = [page]
    for figure, svg in lesson.figures.items():
        files.append(folder / f"{name}-{figure}.svg")
        atomic.write_text(files[-1], svg)
    return files
