"""A training on collected photos, in a process of its own: `python -m ... ORDER.json`.

What it does goes to stdout, one JSON object per line: `{"stage", "done", "total"}` while it works,
`{"error": {...}}` where it cannot. It ends when the server that started it has ended.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import convlens
from convlens.api.opening import PUBLISHED
from convlens.foundation.errors import ConvlensError
from convlens.foundation.progress import reported_to

RECIPE = "photos"


def main(file: str) -> int:
    """Train what the order says; return the exit code."""
    order: dict[str, Any] = json.loads(Path(file).read_text("utf-8"))
    threading.Thread(target=_end_with, args=(order["parent"],), daemon=True).start()
    events = _Events()
    try:
        with reported_to(events.looking):
            convlens.train(
                data=order["data"],
                pretrained=PUBLISHED,
                recipe=RECIPE,
                out=order["out"],
                on_event=events,
                batch_size=order["batch_size"],
                seed=0,
            )
    except ConvlensError as error:
        parts = {"what": error.what, "expected": error.expected, "fix": error.fix}
        print(json.dumps({"error": parts}), flush=True)
        return error.exit_code
    return 0


class _Events:
    """Tells the events of a training that say how far it is."""

    def __init__(self) -> None:
        self._epochs: int | None = None

    def looking(self, what: str, done: int, total: int | None) -> None:
        """Tell how far the frozen layers are; what is counted after them goes by epochs."""
        if self._epochs is None:
            _say("looking", done, total)

    def __call__(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "decoding":
            _say("decoding", event["done"], event["images"])
        elif kind == "start":
            self._epochs = event["epochs"]
        elif kind == "epoch":
            _say("training", event["epoch"], self._epochs)


def _say(stage: str, done: int, total: int | None) -> None:
    print(json.dumps({"stage": stage, "done": done, "total": total}), flush=True)


def _end_with(parent: int) -> None:
    """End this process at once where its parent is gone: nobody waits for the result."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
