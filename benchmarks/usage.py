"""What processes use: CPU time and memory of named groups, read from /proc.

A group is a process with all its descendants: the postmaster with its backends, a role with
whatever it starts. Those that ended in between are counted too, once their parent has reaped them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

MEBI = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Usage:
    cpu_seconds: float
    peak_mb: float  # the largest process of the group, at its largest
    total_mb: float  # all processes of the group now, what they share counted once


def measure(groups: Mapping[str, int]) -> dict[str, Usage]:
    """Group name → pid of its first process; raises psutil.NoSuchProcess when that is gone."""
    return {name: _measure_group(psutil.Process(pid)) for name, pid in groups.items()}


def cpu_per_message(
    *, before: Mapping[str, Usage], after: Mapping[str, Usage], messages: int
) -> dict[str, float]:
    """Microseconds by group."""
    if not messages:
        return dict.fromkeys(after, 0.0)
    return {
        name: (after[name].cpu_seconds - before[name].cpu_seconds) * 1e6 / messages
        for name in after
    }


def _measure_group(root: psutil.Process) -> Usage:
    readings = [_measure_process(root), *_measure_descendants(root)]
    return Usage(
        cpu_seconds=sum(reading.cpu_seconds for reading in readings),
        peak_mb=max(reading.peak_mb for reading in readings),
        total_mb=sum(reading.total_mb for reading in readings),
    )


def _measure_descendants(root: psutil.Process) -> Iterator[Usage]:
    for process in root.children(recursive=True):
        try:
            yield _measure_process(process)
        except (psutil.NoSuchProcess, ProcessLookupError, FileNotFoundError):
            continue  # ended this moment: its parent accounts for it


def _measure_process(process: psutil.Process) -> Usage:
    times = process.cpu_times()
    return Usage(
        cpu_seconds=times.user + times.system + times.children_user + times.children_system,
        # The kernel keeps the peak itself; sampling would cost time and miss it.
        peak_mb=_read_peak(process.pid) / MEBI,
        total_mb=process.memory_full_info().pss / MEBI,
    )


def _read_peak(pid: int) -> int:
    """Bytes of the largest resident set so far (VmHWM, proc(5)); 0 for a zombie."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
