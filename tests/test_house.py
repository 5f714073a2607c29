"""The rooms that a reader sees, the map in CONTRIBUTING and the checked contract are one list."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import draw_house

ROOT = Path(__file__).parents[1]


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
    package = ROOT / "src/convlens"
    rooms = {path.name for path in package.iterdir() if (path / "__init__.py").exists()}
    rooms |= {path.stem for path in package.glob("*.py")} - {"__init__", "__main__"}
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
