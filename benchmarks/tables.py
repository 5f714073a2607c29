"""Write `docs/benchmarks.md` and its figure from `benchmarks/results/*.json`: no number is retyped.

`python benchmarks/tables.py` writes; `python benchmarks/tables.py --check` only says whether the
document is what the results give, and exits with 1 where it is not.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import running_tables as running
import training_tables as training
from table_text import Result

HERE = Path(__file__).parent
RESULTS = HERE / "results"
DOCUMENT = HERE.parent / "docs" / "benchmarks.md"
FIGURE = DOCUMENT.with_name("time-to-accuracy.svg")

SECTIONS: dict[str, tuple[str, Callable[[Result], str]]] = {
    "time_to_accuracy": ("Time to accuracy on MNIST, beside peers", training.time_to_accuracy),
    "ladder": ("Why: from PyTorch's example to mnist-fast, step by step", training.ladder),
    "digits": ("The embedded digits", training.digits),
    "recipes": ("The named recipes", training.recipes),
    "photos": ("Your photos, beside PyTorch's transfer learning tutorial", training.photos),
    "gpu": ("On a GPU", training.gpu),
    "batch_size": ("Batch sizes: the tutorial's table", training.batch_size),
    "peak": ("Share of the machine's peak", running.peak),
    "waiting": ("Threads that wait, beside other programs", training.waiting),
    "tutorial_loop": (
        "The PyTorch tutorial's training, beside the usual loop",
        training.tutorial_loop,
    ),
    "tutorial_keras": ("The Keras tutorial's result, by both engines", training.tutorial_keras),
    "folder": ("Folders of 200,000 images", training.folder),
    "step_overhead": ("Overhead of a step", training.step_overhead),
    "inference": ("Inference", running.inference),
    "memory": ("Memory", running.memory),
    "serve": ("The server under load", running.serve),
    "http": ("What reads HTTP, and peers that serve the same network", running.http),
    "export": ("Exported networks", running.export),
    "look": ("One image's page", running.look),
    "start_up": ("Start-up", running.start_up),
}


def document() -> Iterator[tuple[Path, str]]:
    """Yield every file that the results give, with its text."""
    parts = [
        "# Benchmarks\n\nWritten by `python benchmarks/tables.py` from "
        "`benchmarks/results/*.json`; each file named below states its protocol on top, and "
        "`make bench` runs them all. Times are of one machine, which each section names; the "
        "comparisons are what carries over."
    ]
    for name, (title, write) in SECTIONS.items():
        path = RESULTS / f"{name}.json"
        command = f"`python benchmarks/bench_{name}.py`"
        if not path.exists():
            parts.append(f"## {title}\n\nNot measured yet: {command}.")
            continue
        result = json.loads(path.read_text("utf-8"))
        where = result["machine"]
        machine = f"{where['processor']}, {where['threads']} threads, "
        if name == "recipes":  # which are measured one at a time
            machine = ""
        place = (
            f"{command}, {result['measured']}: {machine}torch {where['torch']}, "
            f"Python {where['python']}."
        )
        parts.append(f"## {title}\n\n{write(result)}\n\n{place}")
        if name == "time_to_accuracy":
            yield FIGURE, training.curves(result) + "\n"
    yield DOCUMENT, "\n\n".join(parts) + "\n"


def main() -> None:
    check = sys.argv[1:] == ["--check"]
    stale = []
    for path, text in document():
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(path.name)
            if not check:
                path.write_text(text, "utf-8")
    print(("out of date: " if check else "written: ") + ", ".join(stale) if stale else "up to date")
    sys.exit(1 if check and stale else 0)


if __name__ == "__main__":
    main()
