"""CPU and memory are those of a process and of all that it started."""

import sys
from pathlib import Path

import pytest

from benchmarks.usage import Usage, cpu_per_message, measure
from harness.processes import Process

BURN = """
import time
end = time.process_time() + 0.3
while time.process_time() < end:
    pass
"""
READY = "\nprint('ready', flush=True)"
SLEEP = "\nimport time; time.sleep(60)"
IN_CHILD = "import subprocess, sys; subprocess.{how}([sys.executable, '-c', {program!r}])"
ALLOCATE = "memory = bytearray(60_000_000); del memory"


def measure_program(program: str, folder: Path) -> Usage:
    """What a program has used when it or its child says `ready`."""
    process = Process([sys.executable, "-c", program + SLEEP], log=folder / "program.log")
    try:
        process.wait_until(lambda: "ready" in process.tail())
        return measure({"program": process.pid})["program"]
    finally:
        process.kill()


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(BURN + READY, id="itself"),
        pytest.param(IN_CHILD.format(how="run", program=BURN) + READY, id="child-that-ended"),
        pytest.param(
            IN_CHILD.format(how="Popen", program=BURN + READY + SLEEP), id="child-that-runs"
        ),
    ],
)
def test_cpu_time_counts(program: str, tmp_path: Path) -> None:
    assert measure_program(program, tmp_path).cpu_seconds >= 0.29


def test_an_idle_program_uses_little(tmp_path: Path) -> None:
    assert measure_program(READY, tmp_path).cpu_seconds < 0.29


def test_the_peak_remembers_memory_that_was_given_back(tmp_path: Path) -> None:
    usage = measure_program(ALLOCATE + READY, tmp_path)
    assert usage.peak_mb > 60_000_000 / 1024 / 1024
    assert usage.total_mb < 60_000_000 / 1024 / 1024


def test_cpu_is_shared_among_the_messages() -> None:
    before = {"worker": Usage(cpu_seconds=1.0, peak_mb=0, total_mb=0)}
    after = {"worker": Usage(cpu_seconds=3.0, peak_mb=0, total_mb=0)}
    assert cpu_per_message(before=before, after=after, messages=1000) == {"worker": 2000}
    assert cpu_per_message(before=before, after=after, messages=0) == {"worker": 0}
