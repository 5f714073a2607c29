"""What a container may use, from files laid out as the kernel lays them out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from convlens.foundation.errors import InputError
from convlens.foundation.machine import (
    available_cores,
    available_memory,
    parse_size,
    throttled_count,
    waited_seconds,
)

GB = 2**30


def system(root: Path, files: dict[str, str]) -> Path:
    for name, text in {"proc/meminfo": f"MemAvailable:   {8 * GB // 1024} kB\n", **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def group(folder: str, limit: str, used: int, cached: int = 0) -> dict[str, str]:
    return {
        f"sys/fs/cgroup{folder}/memory.max": f"{limit}\n",
        f"sys/fs/cgroup{folder}/memory.current": f"{used}\n",
        f"sys/fs/cgroup{folder}/memory.stat": f"anon 5\ninactive_file {cached}\n",
    }


def test_without_limits_it_is_what_the_system_has(tmp_path: Path) -> None:
    assert available_memory(system(tmp_path, {})) == 8 * GB
    unlimited = system(
        tmp_path, {"proc/self/cgroup": "0::/job\n", **group("/job", "max", GB), **group("", "", 0)}
    )
    assert available_memory(unlimited) == 8 * GB


def test_a_limit_counts_wherever_it_is_set_and_cached_files_are_free(tmp_path: Path) -> None:
    own = group("/a/b", str(4 * GB), 3 * GB, cached=GB)
    assert available_memory(system(tmp_path, {"proc/self/cgroup": "0::/a/b\n", **own})) == 2 * GB
    above = group("/a", str(GB), 0)
    assert available_memory(system(tmp_path, above)) == GB


def test_the_older_kind_of_limit_counts_as_well(tmp_path: Path) -> None:
    folder = "sys/fs/cgroup/memory/docker/x"
    files = {
        "proc/self/cgroup": "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n",
        f"{folder}/memory.limit_in_bytes": f"{2 * GB}\n",
        f"{folder}/memory.usage_in_bytes": f"{GB}\n",
        f"{folder}/memory.stat": "cache 1\ntotal_inactive_file 1024\n",
    }
    assert available_memory(system(tmp_path, files)) == GB + 1024


def test_a_full_group_has_nothing_left(tmp_path: Path) -> None:
    full = {"proc/self/cgroup": "0::/\n", **group("", str(GB), 2 * GB)}
    assert available_memory(system(tmp_path, full)) == 0


def test_nothing_is_known_on_other_systems(tmp_path: Path) -> None:
    assert available_memory(tmp_path) == 4 * 10**9


def test_fault_44_one_core_of_quota_on_a_machine_of_many_is_one_core(tmp_path: Path) -> None:
    cores = available_cores(tmp_path)
    assert cores >= 1

    def under(limit: str) -> int:
        own = {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": limit}
        return available_cores(system(tmp_path, own))

    assert under("100000 100000\n") == 1
    assert under("50000 100000\n") == 1
    assert under("max 100000\n") == cores


def older_group(quota: int) -> dict[str, str]:
    folder = "sys/fs/cgroup/cpu/docker"
    return {
        "proc/self/cgroup": "3:cpu,cpuacct:/docker/x\n2:memory:/docker/x\n",
        f"{folder}/cpu.cfs_quota_us": f"{quota}\n",
        f"{folder}/cpu.cfs_period_us": "100000\n",
        f"{folder}/cpu.stat": "nr_periods 9\nnr_throttled 4\nthrottled_time 77\n",
    }


def test_a_quota_of_the_older_kind_counts_too_and_so_does_what_it_stopped(tmp_path: Path) -> None:
    assert available_cores(system(tmp_path, older_group(100_000))) == 1
    assert throttled_count(tmp_path) == 4
    assert available_cores(system(tmp_path, older_group(-1))) == available_cores(tmp_path / "none")
    assert throttled_count(tmp_path / "none") == 0


IN_A_GROUP = """
import os, sys, threading, time
from pathlib import Path
Path(sys.argv[1], "cgroup.procs").write_text(str(os.getpid()))
from convlens.foundation.machine import available_cores, throttled_count
before, until = throttled_count(), time.monotonic() + 1.0
while time.monotonic() < until:
    pass
print(available_cores(), throttled_count() - before)
"""


def test_a_real_quota_of_a_tenth_of_a_core_is_read_and_its_throttling_noticed() -> None:
    group = Path(f"/sys/fs/cgroup/cpu/convlens-test-{os.getpid()}")
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
    cores, stopped = map(int, done.stdout.split())
    assert cores == 1
    assert stopped >= 3  # of ten periods


@pytest.mark.parametrize("text", ["", "MB", "-1GB", "0", "nan", "1e9", "10 parsecs", "1.2.3 GB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="`memory`"):
        parse_size(text, "`memory`")


def test_waiting_is_the_sum_over_the_threads_that_are_left(tmp_path: Path) -> None:
    threads = {"1": "500 2000000000 7\n", "2": "0 500000000 1\n", "3": "", "4": "what"}
    files = {f"proc/self/task/{name}/schedstat": text for name, text in threads.items()}
    assert waited_seconds(system(tmp_path, files)) == 2.5
    assert waited_seconds(tmp_path / "elsewhere") == 0


TWO_ON_ONE_CORE = """
import os, subprocess, sys, time
from convlens.foundation.machine import waited_seconds
def wait(seconds):
    before, until = waited_seconds(), time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass
    return waited_seconds() - before
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
    time.sleep(0.3)
    print(wait(1.0))
    other.kill()
"""


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="the system does not say")
def test_waiting_grows_where_another_program_takes_the_core() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TWO_ON_ONE_CORE], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) > 0.2  # of about half a second
