"""Two processes draw what one would, and one of them may die."""

from __future__ import annotations

import subprocess
import sys

import numpy  # noqa: F401 - with its threads in the process, nobody may be forked

from convlens.report.artists import Artists, Sketch


def test_alone_every_sketch_is_drawn_under_its_name() -> None:
    sketches = [Sketch(str(n), "", "builtins:format", (n, "03d")) for n in range(5)]
    with Artists() as artists:
        assert artists._helper is None
        drawn = artists.draw(sketches)
    assert drawn == {"0": "000", "1": "001", "2": "002", "3": "003", "4": "004"}


HELPED = """
import os
from convlens.report.artists import Artists, Sketch
expected = {str(n): format(n, "03d") for n in range(50)}
sketches = [Sketch(name, "", "builtins:format", (int(name), "03d")) for name in expected]
with Artists() as artists:
    helper, = artists._helper._processes.values()
    assert helper.pid != os.getpid()
    assert artists.draw(sketches) == expected
    # what the helper is given it draws: nothing is left for this process to take back
    assert artists._helper.submit(os.getpid).result() == helper.pid
    helper.kill()
    helper.join()
    assert artists.draw(sketches) == expected, "the helper was killed"
"""


def test_with_a_helper_living_or_killed_the_figures_are_the_same() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", HELPED], check=True, timeout=60)
