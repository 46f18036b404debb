"""Runs one case: a fresh installation, a warm-up, the load, and the wait for all."""

from pathlib import Path

from benchmarks.bench import Progress, build
from benchmarks.load import Load
from benchmarks.results import Case, CaseResult


def run_case(
    case: Case, *, seconds: float, count: int | None, folder: Path, progress: Progress
) -> CaseResult:
    """Raises ProcessFailed, CommandFailed, ServerNotFound when something does not start."""
    with build(
        database=case.database, endpoints=case.endpoints, folder=folder, progress=progress
    ) as bench:
        load = Load(
            port=bench.stack.smtp_port,
            recipients=bench.recipients,
            size=case.size,
            connections=case.connections,
            rate=case.rate,
            count=count,
            seconds=None if count else seconds,
        )
        bench.warm_up(load)
        return CaseResult(case=case, **vars(bench.measure(load)))
