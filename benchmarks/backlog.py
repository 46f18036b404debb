"""How fast a backlog is worked off, by its shape, and what it costs to find what is due.

The mails are written into the database while the worker is stopped; then it is started, and the
rate counts from the first arrival to the last.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import Bench, Progress, build
from benchmarks.load import make_run
from benchmarks.old_transaction import DELIVERED
from benchmarks.results import belongs_to

LANES = 10_000  # of the large backlog


@dataclass(frozen=True, kw_only=True)
class Shape:
    name: str
    endpoints: int
    mails: int
    status: str = "pending"


@dataclass(frozen=True, kw_only=True)
class BacklogResult:
    database: str
    shape: Shape
    arrived: int
    per_second: float


@dataclass(frozen=True, kw_only=True)
class DueResult:
    """Milliseconds, medians: `steps` are those of the courier, and lists for people."""

    database: str
    rows: int
    lanes: int
    steps: dict[str, float]


def run_backlog(
    *, database: str, mails: int, folder: Path, progress: Progress
) -> Iterator[BacklogResult]:
    """`mails` to one endpoint, and one to each of as many endpoints; and retries, due at once.

    Raises ProcessFailed, CommandFailed, ServerNotFound when something does not start.
    """
    shapes = [
        Shape(name="one endpoint", endpoints=1, mails=mails),
        Shape(name="an endpoint each", endpoints=mails, mails=mails),
        Shape(name="retries", endpoints=50, mails=10_000, status="failed"),
    ]
    for shape in shapes:
        place = folder / shape.name.replace(" ", "-")
        place.mkdir()
        with build(database=database, endpoints=1, folder=place, progress=progress) as bench:
            yield _work_off(bench, database, shape)


def _work_off(bench: Bench, database: str, shape: Shape) -> BacklogResult:
    bench.stack.stop("worker")
    run = make_run()
    bench.progress(f"{shape.name}: filling {shape.mails}")
    _fill(bench, shape, run)
    bench.stack.start("worker")
    bench.wait_for_count(run, shape.mails)
    times = sorted(item.at for item in bench.receiver.arrivals() if belongs_to(item, run))
    seconds = (times[-1] - times[0]) / 1e9 if len(times) > 1 else 0.0
    return BacklogResult(
        database=database,
        shape=shape,
        arrived=len(times),
        per_second=len(times) / seconds if seconds else 0.0,
    )


def run_due(*, database: str, rows: int, folder: Path, progress: Progress) -> DueResult:
    """Raises ProcessFailed, CommandFailed, ServerNotFound when something does not start."""
    lanes = min(LANES, rows)
    shape = Shape(name="due", endpoints=lanes, mails=rows)
    with build(database=database, endpoints=1, folder=folder, progress=progress) as bench:
        bench.stack.stop("worker")
        bench.stack.stop("beat")
        progress(f"filling {rows} rows")
        _fill(bench, shape, make_run())
        progress("measuring")
        steps = json.loads(bench.stack.run_module("benchmarks.due"))
        if database == "postgresql":
            progress("an old transaction")
            delivered = f"--delivered={min(rows, DELIVERED)}"
            steps |= json.loads(bench.stack.run_module("benchmarks.old_transaction", delivered))
    return DueResult(database=database, rows=rows, lanes=lanes, steps=steps)


def _fill(bench: Bench, shape: Shape, run: str) -> None:
    bench.stack.run_module(
        "benchmarks.fill",
        f"--url={bench.receiver.url('/b/')}",
        f"--endpoints={shape.endpoints}",
        f"--mails={shape.mails}",
        f"--status={shape.status}",
        f"--run={run}",
    )
