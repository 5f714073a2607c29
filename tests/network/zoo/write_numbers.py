"""Write `numbers.json`: what `convlens zoo` says of each network, computed from its file.

python tests/network/zoo/write_numbers.py
"""

from __future__ import annotations

import json
from pathlib import Path

from convlens.network import zoo

FILE = Path(zoo.__file__).parent / "facts" / "numbers.json"


def text() -> str:
    """Return what the file shall hold, a network per line."""
    lines = []
    for name in [*zoo.names(), *zoo.published_names()]:
        network = zoo.load(name)
        plan = network.plan()
        facts = {
            "input": network.input,
            "classes": network.classes,
            "about": network.about,
            "parameters": plan.parameters,
            "multiply_adds": plan.multiply_adds,
        }
        lines.append(f'"{name}": {json.dumps(facts, ensure_ascii=False)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
