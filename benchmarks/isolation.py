"""Whom strangers delay: mail to healthy endpoints alone, and the same beside somebody else's.

Each row measures the same load of fresh mail twice, in one installation and in turns, without and
with trouble beside it:

hanging   a fifth of all mail goes to ten endpoints of the same domain that never answer
waiting   another endpoint has 100,000 mails waiting, and works them off
tenant    another domain sends nine tenths of all mail, as much as the installation takes
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from benchmarks.bench import Bench, Progress, build
from benchmarks.instruments import LoadProcess
from benchmarks.load import Load, make_run
from benchmarks.results import Figures, Percentiles, evaluate

HEALTHY = 50  # endpoints
HANGING = 10
RATE = 80.0  # mails per second to the healthy ones; the hanging ones get a fifth of all
WAITING = 100_000  # mails
FRESH_RATE = 20.0  # mails per second to others while those wait
FLOOD_RECIPIENTS = 20
FLOOD_CONNECTIONS = 20
TENANTS = 9
ROUNDS = 2
LEAD = 3.0  # seconds that the trouble begins before the load is measured, and ends after it


@dataclass(frozen=True, kw_only=True)
class IsolationResult:
    name: str
    database: str
    alone: list[Figures]  # by round
    beside: list[Figures]
    trouble: str  # what there was beside it, in words and figures

    @staticmethod
    def middle(rounds: list[Figures]) -> Percentiles | None:
        """Medians over the rounds: one that something else on the machine disturbed counts less."""
        found = [figures.to_receiver for figures in rounds if figures.to_receiver]
        if not found:
            return None
        return Percentiles(
            p50=median(item.p50 for item in found),
            p95=median(item.p95 for item in found),
            p99=median(item.p99 for item in found),
        )


type Trouble = Callable[[], str]  # ends it and tells what it was


def run_isolation(
    *, database: str, seconds: float, folder: Path, progress: Progress
) -> Iterator[IsolationResult]:
    """Raises ProcessFailed, CommandFailed, ServerNotFound when something does not start."""
    for name, measure in (("hanging", _hanging), ("waiting", _waiting), ("tenant", _tenant)):
        place = folder / name
        place.mkdir()
        yield measure(database, seconds, place, progress)


def _hanging(database: str, seconds: float, folder: Path, progress: Progress) -> IsolationResult:
    behaviours = {f"/e/{number}": "hang" for number in range(HEALTHY, HEALTHY + HANGING)}
    with _bench(database, HEALTHY + HANGING, folder, progress, behaviours) as bench:
        healthy = _load(bench, bench.recipients[:HEALTHY], rate=RATE, seconds=seconds)
        hanging = _load(bench, bench.recipients[HEALTHY:], rate=RATE / 4, seconds=seconds)

        def begin() -> Trouble:
            other = _begin(bench, hanging)
            return lambda: f"{len(other.finish().accepted)} mails to endpoints that hang"

        return _alternate("hanging", database, bench, healthy, begin)


def _waiting(database: str, seconds: float, folder: Path, progress: Progress) -> IsolationResult:
    with _bench(database, HEALTHY, folder, progress) as bench:
        fresh = _load(bench, bench.recipients, rate=FRESH_RATE, seconds=seconds)

        def begin() -> Trouble:
            progress(f"filling {WAITING} mails")
            run = make_run()
            bench.stack.stop("worker")
            bench.stack.run_module(
                "benchmarks.fill",
                "--domain=waiting.example",
                f"--url={bench.receiver.url('/waiting/')}",
                "--endpoints=1",
                f"--mails={WAITING}",
                f"--run={run}",
            )
            bench.stack.start("worker")
            bench.wait_for_count(run, 1)

            def end() -> str:
                done = bench.receiver.count_delivered(run=run)
                return f"{WAITING} mails waited for one endpoint, {done} of them arrived meanwhile"

            return end

        return _alternate("waiting", database, bench, fresh, begin, rounds=1)


def _tenant(database: str, seconds: float, folder: Path, progress: Progress) -> IsolationResult:
    with _bench(database, FLOOD_RECIPIENTS, folder, progress) as bench:
        others = [f"u@tenant{number}.example" for number in range(TENANTS)]
        for address in others:
            domain = address.partition("@")[2]
            bench.stack.create_recipients(domain, {"u": bench.receiver.url(f"/{domain}")})
        small = _load(bench, others, rate=FRESH_RATE, seconds=seconds)
        bench.warm_up(small)
        flood = replace(
            _load(bench, bench.recipients, rate=None, seconds=seconds),
            connections=FLOOD_CONNECTIONS,
        )

        def begin() -> Trouble:
            other = _begin(bench, flood)

            def end() -> str:
                result = other.finish()
                bench.wait_for_run(result)
                figures = evaluate(result, bench.receiver.arrivals())
                return (
                    f"{figures.accepted_per_second:.0f} mails/s to another domain, "
                    f"{figures.delivered_per_second:.0f} delivered"
                )

            return end

        return _alternate("tenant", database, bench, small, begin)


def _alternate(
    name: str,
    database: str,
    bench: Bench,
    load: Load,
    begin: Callable[[], Trouble],
    *,
    rounds: int = ROUNDS,
) -> IsolationResult:
    alone, beside, troubles = [], [], []
    for _ in range(rounds):
        alone.append(_measure(bench, load))
        end = begin()
        beside.append(_measure(bench, load))
        troubles.append(end())
    return IsolationResult(
        name=name, database=database, alone=alone, beside=beside, trouble="; ".join(troubles)
    )


def _measure(bench: Bench, load: Load) -> Figures:
    result = bench.run(replace(load, run=make_run()))
    bench.wait_for_run(result)
    return evaluate(result, bench.receiver.arrivals())


def _begin(bench: Bench, load: Load) -> LoadProcess:
    """It goes on until the load beside it is over."""
    longer = replace(load, run=make_run(), seconds=(load.seconds or 0) + 2 * LEAD)
    process = LoadProcess(longer, folder=bench.folder)
    time.sleep(LEAD)
    return process


def _load(bench: Bench, recipients: Sequence[str], *, rate: float | None, seconds: float) -> Load:
    return Load(
        port=bench.stack.smtp_port,
        recipients=recipients,
        connections=10,
        rate=rate,
        seconds=seconds,
    )


@contextmanager
def _bench(
    database: str,
    endpoints: int,
    folder: Path,
    progress: Progress,
    behaviours: dict[str, str] | None = None,
) -> Iterator[Bench]:
    with build(
        database=database,
        endpoints=endpoints,
        folder=folder,
        progress=progress,
        behaviours=behaviours,
    ) as bench:
        warm = [bench.recipients[0]]
        bench.warm_up(_load(bench, warm, rate=None, seconds=1.0))
        yield bench
