"""Coverage-guided fuzzing of one reader with atheris (optional; Python 3.11 or 3.12 on Linux).

    pip install atheris
    python tests/fuzz/atheris_readers.py READER -max_total_time=300

READER is one of the names in `seeds.READERS`; the rest goes to libFuzzer. It starts from the same
valid files as the other fuzz tests, and stops at the first exception that is not a `DataError`.

References
----------
https://github.com/google/atheris.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "src"))


def main() -> None:
    import atheris  # here, because pytest imports every file and few machines have it

    with atheris.instrument_imports(include=["convlens", "tarfile", "zipfile", "gzip"]):
        from convlens.foundation.errors import DataError
        from fuzz.seeds import READERS

    name = sys.argv.pop(1)
    read, seeds = READERS[name]
    with tempfile.TemporaryDirectory() as held:
        corpus, place = Path(held, "corpus"), Path(held, "place")
        corpus.mkdir()
        for number, seed in enumerate(seeds):
            (corpus / str(number)).write_bytes(seed)

        def once(content: bytes) -> None:
            place.mkdir()
            try:
                read(content, place)
            except DataError:
                return
            finally:
                shutil.rmtree(place)

        atheris.Setup([*sys.argv, str(corpus)], once)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
