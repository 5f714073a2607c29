"""The rooms that a reader sees, the map in CONTRIBUTING and the checked contract are one list."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import draw_house

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/convlens"
BLOCKS = {"Residual", "Branches", "Repeat", "Compound"}
"""The kinds of a written network that hold lists of layers."""
NESTED = {
    "network/layers/__init__.py": "lists the kinds",
    "network/layers/joins.py": "defines it",
    "network/reading.py": "reads it",
    "network/walk.py": "makes steps of it",
    "network/tree.py": "makes it of steps",
    "network/paths.py": "follows paths into it",
    "network/advice/__init__.py": "edits a network that does not fit",
    "network/advice/blocks.py": "edits a network that does not fit",
    "studies/width.py": "edits a network",
    "studies/depth.py": "edits a network",
}
"""The modules that may know that a network is nested, and what they do with it."""


def contract() -> list[set[str]]:
    """Return the floors that `lint-imports` checks, the top one first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    house = next(one for one in settings["contracts"] if one["containers"] == ["convlens"])
    return [set(floor.split(" | ")) for floor in house["layers"]]


def test_the_map_and_the_checked_contract_are_the_same_list() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text().split("## Map of the house")[1]
    floors: dict[int, set[str]] = {}
    for floor, room in re.findall(r"^\| (\d+) \| `(\w+)/?`", text, re.MULTILINE):
        floors.setdefault(int(floor), set()).add(room)
    assert [floors[floor] for floor in sorted(floors, reverse=True)] == contract()


def test_every_folder_and_module_at_the_top_is_on_the_map() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    rooms |= {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert rooms == set().union(*contract())


def test_the_picture_of_the_house_has_the_rooms_on_their_floors() -> None:
    picture = draw_house.PICTURE.read_text("utf-8")
    pattern = r'class="quiet">(\d+)</text>\n<text[^>]*>(\w+)</text>'
    drawn = [(int(floor), room) for floor, room in re.findall(pattern, picture)]
    rooms = [(n, room) for n, floor in enumerate(reversed(contract())) for room in floor]
    assert sorted(drawn) == sorted(rooms), "draw it again: make house"
    assert drawn == sorted(drawn, key=lambda row: -row[0])


def test_the_house_is_drawn_with_every_import_pointing_down() -> None:
    dots = re.findall(r"modules? of (\w+) import (\w+)<", draw_house.draw())
    assert len(dots) > 50
    floor = {room: n for n, floor in enumerate(contract()) for room in floor}
    assert all(floor[here] < floor[there] for here, there in dots)


SHARED_NAMES = {
    "Add": "a join, and the PyTorch module of it",
    "Concat": "a join, and the PyTorch module of it",
    "Multiply": "a join, and the PyTorch module of it",
    "Scale": "a kind of layer, and the PyTorch module of it",
    "DropPath": "a kind of layer, and the PyTorch module of it",
    "Channels": "a kind of layer, and its form in PyTorch and in Keras",
    "ChannelShuffle": "a kind of layer, and its form in Keras",
    "Muon": "an optimizer in PyTorch, and in Keras",
    "Limits": "of a network, and of a server",
    "Line": "of a chart, and of source code",
    "Call": "that makes a layer, and over HTTP",
    "Trained": "what a lesson keeps of a training, each its own",
}
"""Names of several classes, and what each is of."""


def test_one_name_is_one_class() -> None:
    homes: dict[str, list[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        if "schemas" in path.parts:  # the shapes of answers are called what they are answers about
            continue
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(str(path.relative_to(PACKAGE)))
    assert {
        name: at for name, at in homes.items() if len(at) > 1 and name not in SHARED_NAMES
    } == {}


def names_of(path: Path) -> set[str]:
    """Return what a module imports, uses or takes from others by name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.alias):
            names.add(node.name.rpartition(".")[2])
        elif isinstance(node, ast.Name | ast.Attribute):
            names.add(node.id if isinstance(node, ast.Name) else node.attr)
    return names


def test_only_those_who_write_read_walk_or_edit_a_network_know_that_it_is_nested() -> None:
    knowing = {
        str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py") if BLOCKS & names_of(path)
    }
    assert knowing <= NESTED.keys(), "read the steps of the plan; `network.tree` writes blocks"
    defining = {"network/layers/joins.py"}
    assert NESTED.keys() - defining <= knowing, "no longer nested: take it off the list"
