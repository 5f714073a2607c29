"""How OpenMP's threads wait: said before PyTorch is loaded, never against the user's word."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from convlens.foundation import waiting
from convlens.foundation.machine import available_cores, idle_seconds

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="GNU OpenMP and /proc are of Linux")


def in_a_new_process(code: str, **variables: str) -> str:
    inherited = {k: v for k, v in os.environ.items() if k not in waiting.VARIABLES}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**inherited, **variables},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_the_way_of_waiting_is_said_before_pytorch_is_loaded() -> None:
    code = "import os, sys, convlens; print(os.environ['GOMP_SPINCOUNT'], 'torch' in sys.modules)"
    assert in_a_new_process(code) == f"{waiting.SPINS} False"


@pytest.mark.parametrize(
    ("name", "value"),
    [("OMP_WAIT_POLICY", "ACTIVE"), ("GOMP_SPINCOUNT", "7"), ("KMP_BLOCKTIME", "3")],
)
def test_what_the_user_says_is_kept_and_nothing_is_watched(name: str, value: str) -> None:
    code = (
        "import os, convlens\n"
        "from convlens.foundation import waiting\n"
        "from convlens.engines.device import limit_threads\n"
        "limit_threads()\n"
        "print(os.environ.get('GOMP_SPINCOUNT'), '/', waiting.describe_waiting())"
    )
    expected = value if name == "GOMP_SPINCOUNT" else None
    said = in_a_new_process(code, **{name: value})
    assert said == f"{expected} / {name}={value} (environment)"


def test_a_note_says_that_pytorch_was_loaded_first() -> None:
    code = (
        "import {first}\n"
        "import json, convlens, torch\n"
        "from convlens.foundation import waiting\n"
        "from convlens.engines.device import limit_threads\n"
        "limit_threads()\n"
        "print(json.dumps([waiting.notes(), waiting.describe_waiting()]))"
    )
    notes, way = json.loads(in_a_new_process(code.format(first="convlens")))
    assert notes == []
    if "asleep" not in way:
        pytest.skip("OpenMP is not GNU's here, or there is one core")
    assert f"GOMP_SPINCOUNT={waiting.SPINS}" in way
    notes, way = json.loads(in_a_new_process(code.format(first="torch")))
    assert "import convlens first" in notes[0]
    assert "OpenMP's own spinning" in way


@LINUX
def test_beside_other_programs_more_threads_than_cores_are_held_and_let_go_again() -> None:
    code = (
        "import os, time, torch\n"
        "from convlens.foundation import waiting\n"
        "torch.ones(10**6).sum()\n"
        "watch = waiting._Watch(waiting._gnu_openmp())\n"
        "count = lambda: len(os.listdir('/proc/self/task'))\n"
        "def until(reached):\n"
        "    for _ in range(200):\n"
        "        if reached(): return True\n"
        "        time.sleep(0.05)\n"
        "    return False\n"
        "before = count()\n"
        "watch.hold()\n"
        "held = until(lambda: count() > before + watch.cores)\n"
        "watch.hold()\n"
        "watch.let_go()\n"
        "print(bool(watch.libraries), held, until(lambda: count() <= before + 1))"
    )
    assert in_a_new_process(code) in ("True True True", "False False True")


BESIDE_A_NEIGHBOUR = """
import json, os, subprocess, sys, time
import torch
from convlens.foundation import waiting

waiting.CALM_SECONDS = 0.0  # the first look at free cores is enough
torch.ones(10**6).sum()
watch = waiting._Watch(waiting._gnu_openmp())
count = lambda: len(os.listdir("/proc/self/task"))

def until(reached):
    deadline = time.monotonic() + 12
    while not reached() and time.monotonic() < deadline:
        time.sleep(0.05)
    return reached()

before = count()
busy = "import os; parent = os.getppid()\\nwhile os.getppid() == parent: pass"
neighbour = subprocess.Popen([sys.executable, "-c", busy])
try:
    watch.start()
    held = until(lambda: count() > before + watch.cores)
finally:
    neighbour.kill()
    neighbour.wait()
started, idle, own = waiting._now()
released = until(lambda: count() <= before + 2)
elapsed, idle, own = (b - a for a, b in zip((started, idle, own), waiting._now()))
free = watch.cores - (idle + own) / elapsed < waiting.OTHERS
print(json.dumps([bool(watch.libraries), held, released, free]))
"""


@LINUX
@pytest.mark.skipif(
    sys.platform == "linux" and available_cores() < max(2, len(os.sched_getaffinity(0))),
    reason="idle cores are those of the whole machine, and a group's quota gives fewer",
)
def test_a_neighbour_that_computes_is_noticed_and_the_team_ends_with_it() -> None:
    openmp, held, released, free = json.loads(in_a_new_process(BESIDE_A_NEIGHBOUR))
    if not openmp:
        pytest.skip("OpenMP is not GNU's here")
    assert held
    # of several looks at cores that were free on average, one at least has seen free cores
    assert released or not free
    if not released:
        pytest.skip("other programs took the cores until the end")


@LINUX
def test_idle_time_of_the_cores_grows_by_no_more_than_the_time_that_passes(tmp_path: Path) -> None:
    assert idle_seconds() > 0
    before = idle_seconds()
    subprocess.run([sys.executable, "-c", "import time; time.sleep(0.3)"], check=True)
    assert 0 <= idle_seconds() - before < 60 * available_cores()
    assert idle_seconds(tmp_path) == 0.0


IN_A_GROUP = """
import os, sys, time
import torch
from pathlib import Path
from convlens.foundation import waiting

torch.ones(10**6).sum()
Path(sys.argv[1], "cgroup.procs").write_text(str(os.getpid()))
watch = waiting._Watch(waiting._gnu_openmp())
watch.cores = 0  # as if the machine had many idle cores: only the quota can be noticed
watch.start()
deadline = time.monotonic() + 12
while watch.release is None and time.monotonic() < deadline:
    pass
print(bool(watch.libraries), watch.release is not None)
"""


@LINUX
def test_a_spent_quota_is_noticed_though_cores_are_idle() -> None:
    group = Path(f"/sys/fs/cgroup/cpu/convlens-waiting-{os.getpid()}")
    try:
        group.mkdir()
        (group / "cpu.cfs_quota_us").write_text("10000")
    except OSError:
        pytest.skip("no cgroup of version 1 that this user may write")
    try:
        done = subprocess.run(
            [sys.executable, "-c", IN_A_GROUP, str(group)],
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        group.rmdir()
    openmp, noticed = done.stdout.split()
    if openmp == "False":
        pytest.skip("OpenMP is not GNU's here")
    assert noticed == "True"
