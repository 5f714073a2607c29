"""Damage the text files of a run folder and give them to their readers.

    python tests/fuzz/run_files.py COUNT SEED [FILE...]

Each input is read or refused with an `InputError` (exit code 2); anything else stops with its case.
The numbers of inputs and seconds are added to `counts.json` beside this file (`counts.py`).
"""

from __future__ import annotations

import atexit
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from convlens.data import Preprocessing
from convlens.foundation.errors import InputError
from convlens.network import Network, zoo
from convlens.runs import manifest, schemas
from convlens.runs.json_file import object_of, parse_object, text_of
from convlens.training import recipe as recipes
from convlens.training.recipe import Recipe
from fuzz.counts import in_parts
from fuzz.mutate import damaged, with_odd_values

HERE = Path("run")
FOLDER = Path(tempfile.mkdtemp(prefix="convlens-fuzz-"))
"""A run folder with one file and its manifest."""
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
DATA = {
    "name": "digits",
    "source": "digits",
    "fingerprint": "ab",
    "classes": ["0", "1"],
    "preprocessing": Preprocessing((1, 28, 28), (0.1,), (0.3,)).to_dict(),
    "split": {"train": 10, "validation": 2, "test": 3, "seed": 0, "fraction": 0.1},
    "notes": [],
}
STATUS = {"state": "finished", "name": "a", "epoch": 2, "epochs": 2, "test_accuracy": 0.9}
EVENT = {"event": "epoch", "epoch": 1, "train_loss": 0.5, "best": True}
ENVIRONMENT = {"convlens": "0.1.0", "command": "convlens train", "measured_ms": {"a": 1.5}}
EVALUATION = {"images": 3, "accuracy": 0.5, "loss": 0.1, "classes": ["0", "1"]}


def _object(model: type[schemas.RunFile]) -> Callable[[bytes], object]:
    return lambda content: schemas.check(model, object_of(HERE, content), HERE)


def _event(content: bytes) -> object:
    try:
        return schemas.is_event(parse_object(content.decode()))
    except ValueError:  # counted as a damaged line
        return False


def _manifest(content: bytes) -> object:
    """Read a manifest and all that it lists; the folder has one file."""
    (FOLDER / "MANIFEST.json").write_bytes(content)
    entries = manifest.read(FOLDER) or {}
    return manifest.differing(FOLDER, entries)


def _valid_manifest() -> bytes:
    """Return one without the sha256 of itself, so that damaged entries are used as well."""
    (FOLDER / "data.json").write_text("{}")
    entries = {"data.json": manifest.describe(FOLDER / "data.json")}
    return json.dumps({"files": entries}).encode()


READERS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "network.toml": (
        lambda content: Network.from_toml(text_of(HERE, content)),
        zoo.load("tutorial-torch").to_toml().encode(),
    ),
    "recipe.toml": (
        lambda content: recipes.parse(text_of(HERE, content), "recipe.toml"),
        Recipe().to_toml().encode(),
    ),
    "data.json": (_object(schemas.DataFile), json.dumps(DATA).encode()),
    "status.json": (_object(schemas.StatusFile), json.dumps(STATUS).encode()),
    "environment.json": (_object(schemas.EnvironmentFile), json.dumps(ENVIRONMENT).encode()),
    "evaluation.json": (_object(schemas.EvaluationFile), json.dumps(EVALUATION).encode()),
    "metrics.jsonl": (_event, json.dumps(EVENT).encode()),
    "MANIFEST.json": (_manifest, _valid_manifest()),
}
"""By file: its reader, and a valid content to start from."""


def survive(name: str, count: int, seed: int) -> int:
    """Give damaged contents to a reader; return how many it refused."""
    read, valid = READERS[name]
    chance = random.Random(seed)
    refused = 0
    for number in range(count):
        content = chance.choice((damaged, with_odd_values))(valid, chance)
        try:
            read(content)
        except InputError:
            refused += 1
        except Exception as error:
            raise AssertionError(f"{name}, case {number} of seed {seed}: {content!r}") from error
    return refused


if __name__ == "__main__":
    for file in sys.argv[3:] or READERS:
        in_parts(file, int(sys.argv[1]), int(sys.argv[2]), partial(survive, file))
