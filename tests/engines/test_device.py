"""What is said about devices is in the tests of faults; here: the memory of steps."""

import platform
import subprocess
import sys

import pytest

STEPS = """
import resource, sys, torch
from convlens.engines.device import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def step():
    for _ in range(4):
        blocks = [torch.empty(12 * 2**20).fill_(1) for _ in range(3)]
for _ in range(5): step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
"""Steps that take and free 3 blocks of 48 MiB four times; prints the page faults of the last."""


def page_faults(how: str) -> int:
    ended = subprocess.run(
        [sys.executable, "-c", STEPS, how], capture_output=True, text=True, check=True
    )
    return int(ended.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc's malloc")
def test_a_step_finds_the_memory_of_the_one_before():
    assert page_faults("keep") < 100
    assert page_faults("as it is") > 10_000  # or there was nothing to gain
