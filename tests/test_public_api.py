"""What is promised is documented, and what the documentation uses is promised."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import convlens
from convlens import inside, lessons, studies
from convlens.foundation import errors

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPACES = (convlens, inside, lessons, studies)
PROMISED = {space.__name__: set(space.__all__) for space in SPACES}
NAMES = [(module, name) for module, names in PROMISED.items() for name in sorted(names)]
OBJECTS = [
    pytest.param(getattr(sys.modules[module], name), name, id=f"{module}.{name}")
    for module, name in NAMES
    if callable(getattr(sys.modules[module], name))
]


INSIDE = {"add-a-layer.md"}
"""Pages for those who change convlens itself."""


def sources() -> Iterator[tuple[str, str]]:
    """Yield the Python of the examples and of every page, with the file that it is in."""
    for path in sorted((ROOT / "examples").glob("*.py")):
        yield path.name, path.read_text("utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = path.read_text("utf-8")
        code = [_without_prompts(block) for block in BLOCK.findall(text)]
        code += re.findall(r'python -c "(import convlens.*?)"$', text, re.MULTILINE)
        if code and path.name not in INSIDE:
            yield path.name, "\n".join(code)


def _without_prompts(block: str) -> str:
    if not block.lstrip().startswith(">>>"):
        return block
    return "\n".join(line[4:] for line in block.splitlines() if line.startswith((">>> ", "... ")))


SOURCES = dict(sources())


def used(code: str) -> set[tuple[str, str]]:
    """Return what code takes from convlens: pairs of a module and a name in it."""
    modules: dict[str, str] = {}
    names: set[tuple[str, str]] = set()
    tree = ast.parse(code)
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    if alias.name.partition(".")[0] == "convlens":
                        modules[alias.asname or "convlens"] = "convlens"
                        if alias.name != "convlens":
                            names.add(("convlens", alias.name.partition(".")[2]))
            case ast.ImportFrom(module=str(module), names=aliases):
                if module.partition(".")[0] == "convlens":
                    names |= {(module, alias.name) for alias in aliases}
                    for alias in aliases:
                        if f"{module}.{alias.name}" in PROMISED:
                            modules[alias.asname or alias.name] = f"{module}.{alias.name}"
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in modules:
                names.add((modules[name], attribute))
            case ast.Attribute(
                value=ast.Attribute(value=ast.Name(id="convlens"), attr=space), attr=attribute
            ) if f"convlens.{space}" in PROMISED:
                names.add((f"convlens.{space}", attribute))
    return names


@pytest.mark.parametrize("file", SOURCES)
def test_documentation_and_examples_use_promised_names_only(file: str) -> None:
    unpromised = {
        f"{module}.{name}"
        for module, name in used(SOURCES[file])
        if name not in PROMISED.get(module, set())
    }
    assert not unpromised


MENTIONED = re.compile(r"`convlens((?:\.(?:inside|lessons|studies)(?=\.))?)\.(\w+)")


def test_what_the_documentation_names_in_its_text_is_promised() -> None:
    for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for space, name in MENTIONED.findall(path.read_text("utf-8")):
            assert name in PROMISED[f"convlens{space}"] | {"__all__"}, (path.name, space, name)


def test_what_is_used_is_seen_whichever_way_it_is_imported() -> None:
    code = "import convlens.report\nfrom convlens import inside as i\nfrom convlens.data import x\n"
    assert used(code + "i.window, convlens.inside.y, convlens.train") == {
        ("convlens", "report"),
        ("convlens", "inside"),
        ("convlens", "train"),
        ("convlens.data", "x"),
        ("convlens.inside", "window"),
        ("convlens.inside", "y"),
    }


EXEMPLIFIED = set().union(*(used(code) for code in SOURCES.values()))


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_every_promised_name_has_an_example_that_tests_run(module: str, name: str) -> None:
    docstrings = inspect.getdoc(getattr(sys.modules[module], name)) or ""
    assert (module, name) in EXEMPLIFIED or ">>>" in docstrings


@pytest.mark.parametrize(("promised", "name"), OBJECTS)
def test_every_promised_name_says_what_it_takes_and_what_it_raises(
    promised: Any, name: str
) -> None:
    # the docstring of a type's own: of a base it would be inherited
    text = promised.__doc__ or ""
    assert len(text.split()) >= 4
    if inspect.isfunction(promised):
        for parameter in inspect.signature(promised).parameters.values():
            assert re.search(rf"\b{parameter.name}\b", text), f"{parameter.name} is not described"
        assert "Returns\n" in text or text.startswith(("Return", "Measure", "Write", "Build"))
        assert "Raises\n" in text


@pytest.mark.parametrize(("promised", "name"), OBJECTS)
def test_every_method_of_a_promised_type_has_a_docstring(promised: Any, name: str) -> None:
    if not inspect.isclass(promised):
        return
    for method, value in vars(promised).items():
        if inspect.isfunction(value) and not method.startswith("_"):
            assert value.__doc__, f"{name}.{method}"


def test_every_error_and_every_record_of_a_cell_is_promised() -> None:
    own = {
        value.__name__
        for value in vars(errors).values()
        if inspect.isclass(value) and issubclass(value, convlens.ConvlensError)
    }
    assert own <= PROMISED["convlens"]
    records = {record.__name__ for record in inside.CellComputation.__subclasses__()}
    assert records <= PROMISED["convlens.inside"]


def test_a_promised_name_is_the_object_and_not_the_module_of_that_name() -> None:
    code = (
        "import convlens, convlens.inside.explain, convlens.inside.feature_maps;"
        "print(*(callable(f) for f in (convlens.inside.explain, convlens.inside.feature_maps,"
        " convlens.train)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"] * 3


def test_an_unknown_name_is_an_attribute_error() -> None:
    for module in (convlens, inside):
        with pytest.raises(AttributeError, match="no_such_name"):
            _ = module.no_such_name  # type: ignore[attr-defined]


def test_importing_convlens_loads_no_heavy_library() -> None:
    code = "import sys, convlens, convlens.inside; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numpy", "torch", "scipy", "matplotlib", "pydantic", "PIL", "jinja2", "typer", "rich"}
    assert not heavy & set(done.stdout.split())
