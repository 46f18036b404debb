"""What can happen to a running installation, and a list of it by chance, the same for one seed."""

import random
import signal
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from subprocess import TimeoutExpired
from typing import Literal

from faults.site import Site

REST = 5.0  # seconds in which what was troubled is left alone
FIRST_AT = 8.0  # seconds
PAUSES = (1.0, 5.0)  # seconds from one trouble to the next
# Processes die in the first part of a run and live on in the second, which shows what grows.
DEADLY_PART = 0.5

type Step = Callable[[Site], None]


class RoleFailed(Exception):
    """A role that was told to stop did not end as it should."""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    name: str
    targets: frozenset[str]  # nothing else happens to them meanwhile
    seconds: tuple[float, float]  # how long, at least and at most
    begin: Step
    end: Step = field(default=lambda _: None)
    is_deadly: bool = False  # it ends a process of the product


@dataclass(frozen=True, kw_only=True)
class Planned:
    at: float  # seconds from the beginning of the load
    seconds: float
    trouble: Trouble

    def __str__(self) -> str:
        return f"{self.at:6.1f} s  {self.trouble.name}, {self.seconds:.1f} s"


def plan(troubles: Sequence[Trouble], *, seed: int, seconds: float) -> list[Planned]:
    """What happens when in a run of so many seconds; everything has ended at its end."""
    dice = random.Random(seed)
    deck: list[Trouble] = []
    free_at: dict[str, float] = {}
    planned: list[Planned] = []
    now = FIRST_AT
    while now < seconds:
        # All of them come, in an order of their own, before one comes again.
        deck = deck or dice.sample(troubles, len(troubles))
        trouble = deck.pop()
        length = dice.uniform(*trouble.seconds)
        at = max(now, *(free_at.get(target, 0) for target in trouble.targets))
        if at + length <= seconds * (DEADLY_PART if trouble.is_deadly else 1):
            planned.append(Planned(at=at, seconds=length, trouble=trouble))
            free_at |= dict.fromkeys(trouble.targets, at + length + REST)
            now += dice.uniform(*PAUSES)
        elif not deck:  # perhaps nothing fits any more
            now += PAUSES[0]
    return sorted(planned, key=lambda item: item.at)


def troubles_of(site: Site, *, claim_seconds: float) -> list[Trouble]:
    """`claim_seconds` is how long a worker may keep silent before others take over its calls."""
    workers = frozenset(name for name in site.posts if name.startswith("worker"))
    found = [
        Trouble(
            name=f"kill -9 {name}",
            targets=frozenset({name}),
            seconds=(0, 3),
            begin=partial(_kill, name),
            end=partial(_start, name),
            is_deadly=True,
        )
        for name in site.posts
    ]
    found += [
        Trouble(
            name=f"SIGTERM {name}",
            # A worker that is paused may hold locks that another one needs to finish.
            targets=workers | {name} if name in workers else frozenset({name}),
            seconds=(0, 0),
            begin=partial(_restart, name),
            is_deadly=True,
        )
        for name in site.posts
    ]
    found += [
        Trouble(
            name=f"SIGSTOP {name}{' beyond its claims' if seconds[0] > claim_seconds else ''}",
            targets=frozenset({name}),
            seconds=seconds,
            begin=partial(_pause, name),
            end=partial(_resume, name),
        )
        for name, seconds in [
            *((name, (1, 4)) for name in sorted(workers)),
            (max(workers), (claim_seconds + 1, claim_seconds + 4)),
        ]
    ]
    found += [
        Trouble(
            name="Redis FLUSHALL",
            targets=frozenset({"broker"}),
            seconds=(0, 0),
            begin=lambda site: site.broker.flush(),
        ),
        Trouble(
            name="Redis stopped",
            targets=frozenset({"broker"}),
            seconds=(1, 8),
            begin=lambda site: site.broker.stop(),
            end=lambda site: site.broker.start(),
        ),
        Trouble(
            name="Redis hung",
            targets=frozenset({"broker"}),
            seconds=(1, 6),
            begin=lambda site: site.broker.pause(),
            end=lambda site: site.broker.resume(),
        ),
    ]
    # Who is killed meanwhile had calls that nobody could count.
    targets = workers | {"database"}
    if site.cluster is None:
        return [*found, _hold_write_lock(targets)]
    return [*found, *(_stop_database(mode, targets) for mode in ("immediate", "fast"))]


def _stop_database(mode: Literal["immediate", "fast"], targets: frozenset[str]) -> Trouble:
    def begin(site: Site) -> None:
        assert site.cluster is not None
        site.cluster.stop(mode)

    def end(site: Site) -> None:
        assert site.cluster is not None
        site.cluster.start()

    return Trouble(
        name=f"PostgreSQL stopped ({mode})",
        targets=targets,
        seconds=(0.5, 6),
        begin=begin,
        end=end,
    )


def _hold_write_lock(targets: frozenset[str]) -> Trouble:
    """Somebody else writes to the file, as a person with a shell may."""
    held: list[sqlite3.Connection] = []

    def begin(site: Site) -> None:
        held.append(sqlite3.connect(site.ledger.address, timeout=30, isolation_level=None))
        held[0].execute("BEGIN IMMEDIATE")

    def end(_: Site) -> None:
        held.pop().close()

    return Trouble(
        name="SQLite's write lock held", targets=targets, seconds=(0.5, 6), begin=begin, end=end
    )


def _kill(name: str, site: Site) -> None:
    site.kill(name)


def _start(name: str, site: Site) -> None:
    host, role = site.posts[name]
    host.start(role)


def _restart(name: str, site: Site) -> None:
    host, role = site.posts[name]
    try:
        status = host.stop(role)
    except TimeoutExpired:
        site.note_in_flight(role)
        raise RoleFailed(f"{name} was told to stop and did not") from None
    finally:
        host.start(role)
    if status != 0:
        raise RoleFailed(f"{name} was told to stop and ended with status {status}")


def _pause(name: str, site: Site) -> None:
    host, role = site.posts[name]
    host.send_signal(role, signal.SIGSTOP)
    site.note_in_flight(role)


def _resume(name: str, site: Site) -> None:
    host, role = site.posts[name]
    host.send_signal(role, signal.SIGCONT)
