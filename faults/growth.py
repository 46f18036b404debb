"""Whether processes grow: memory, open files and connections of each role, over its life.

While a role is in trouble nobody reads it, and its first readings, until it is warm, do not count.
Of the rest of its life, the median of the last third is compared with that of the first. One that
was started again begins anew.
"""

import signal
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import psutil

from benchmarks.usage import MEBI
from harness.processes import catches

WARM_UP = 10  # readings
LEAST_LIFE = 15  # readings after that, or nothing can be said


class Reading(NamedTuple):
    """Of a role, with all its processes, at one moment."""

    at: float  # seconds
    memory: float  # MB, resident
    files: float  # open, sockets among them, but for those to the receiver
    receiver: float  # connections
    database: float
    broker: float


@dataclass(frozen=True, kw_only=True)
class Margin:
    """By how much the last third may be above the first: whichever is more."""

    share: float
    least: float

    def allows(self, first: float, last: float) -> bool:
        return last <= first + max(first * self.share, self.least)


# A large mail that is being sent needs its megabytes several times over. Calls are under way for as
# long as endpoints are slow. Pools open a connection when a thread first needs one. Each call that
# Redis did not take leaves an epoll descriptor of kombu's to the garbage collector.
MARGINS = {
    "memory": Margin(share=0.15, least=24),
    "files": Margin(share=0.5, least=64),
    "receiver": Margin(share=0.5, least=64),
    "database": Margin(share=0, least=4),
    "broker": Margin(share=0, least=4),
}


@dataclass(frozen=True, kw_only=True)
class Trend:
    """Of one process that lived long enough: medians of the first and the last third."""

    name: str
    seconds: float  # that were compared
    first: Reading
    last: Reading

    def grown(self) -> list[str]:
        values = ((what, getattr(self.first, what), getattr(self.last, what)) for what in MARGINS)
        return [
            f"{self.name}: {what} grew from {first:.0f} to {last:.0f} in {self.seconds:.0f} s"
            for what, first, last in values
            if not MARGINS[what].allows(first, last)
        ]


class Growth:
    """Takes readings of processes, which may be others each time."""

    def __init__(self, *, receiver: int, database: int | None, broker: int) -> None:
        """The ports of those who are connected to."""
        self._ports = (receiver, database, broker)
        self._lives: defaultdict[tuple[str, int], list[Reading]] = defaultdict(list)

    def sample(self, pids: Mapping[str, int], *, at: float) -> None:
        """Role → pid of its first process."""
        for name, pid in pids.items():
            try:
                if not catches(pid, signal.SIGTERM):  # it is still being started
                    continue
                family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
                values = [self._read(process) for process in family]
            except psutil.Error:  # it has ended this moment
                continue
            self._lives[name, pid].append(Reading(at, *map(sum, zip(*values, strict=True))))

    def trends(self) -> list[Trend]:
        found = [find_trend(name, readings) for (name, _), readings in self._lives.items()]
        return [trend for trend in found if trend is not None]

    def _read(self, process: psutil.Process) -> tuple[float, ...]:
        with process.oneshot():
            ports = [item.raddr.port for item in process.net_connections() if item.raddr]
            receiver, database, broker = (ports.count(port) for port in self._ports)
            memory = process.memory_info().rss / MEBI
            return memory, process.num_fds() - receiver, receiver, database, broker


def find_trend(name: str, readings: Sequence[Reading]) -> Trend | None:
    warm = readings[WARM_UP:]
    if len(warm) < LEAST_LIFE:
        return None
    third = len(warm) // 3
    return Trend(
        name=name,
        seconds=warm[-1].at - warm[0].at,
        first=_middle(warm[:third]),
        last=_middle(warm[-third:]),
    )


def _middle(readings: Sequence[Reading]) -> Reading:
    return Reading(*(median(values) for values in zip(*readings, strict=True)))
