"""Runs one case: fresh servers, a fresh installation, a warm-up, the load, and the wait for all."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import usage
from benchmarks.instruments import POLL, ReceiverProcess, run_load
from benchmarks.load import Load
from benchmarks.results import Case, CaseResult, evaluate
from benchmarks.sent import LoadResult
from harness.servers import PostgresCluster, RedisServer
from harness.stack import CommandFailed, Stack

DOMAIN = "bench.example"
WARM_UP = 100  # mails
FIRST_TRIES = 20
STALL = 30.0  # seconds without an arrival after which the rest counts as lost

type Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """All that stands while a case runs."""

    stack: Stack
    receiver: ReceiverProcess
    groups: dict[str, int]  # name of a group of processes → pid of the first
    recipients: Sequence[str]
    folder: Path
    progress: Progress


def run_case(
    case: Case, *, seconds: float, count: int | None, folder: Path, progress: Progress
) -> CaseResult:
    """Raises ProcessFailed, CommandFailed, ServerNotFound when something does not start."""
    progress("starting")
    with _build(case, folder=folder, progress=progress) as bench:
        _warm_up(bench, case)
        load = _make_load(bench, case, seconds=seconds, count=count)
        delivered_before = bench.receiver.count_delivered()
        before = usage.measure(bench.groups)
        result = run_load(load, folder=folder, on_wait=lambda: _show(bench, delivered_before))
        _wait_for_all(bench, delivered_before + len(result.accepted))
        after = usage.measure(bench.groups)
        return _judge(case, result, bench=bench, before=before, after=after)


@contextmanager
def _build(case: Case, *, folder: Path, progress: Progress) -> Iterator[Bench]:
    with ExitStack() as exits:
        broker = exits.enter_context(RedisServer())
        groups = {"broker": broker.process.pid}
        database_url = None
        if case.database == "postgresql":
            cluster = exits.enter_context(PostgresCluster())
            groups["database"] = cluster.process.pid
            database_url = cluster.create_database("fastsmtp")
        receiver = exits.enter_context(ReceiverProcess(folder=folder))
        stack = exits.enter_context(
            Stack(folder=folder, redis_url=broker.url, database_url=database_url)
        )
        webhooks = {f"u{n}": receiver.url(f"/e/{n}") for n in range(case.endpoints)}
        stack.create_recipients(DOMAIN, webhooks)
        groups |= {
            "ingest": stack.pid("smtp"),
            "worker": stack.pid("worker"),
            "beat": stack.pid("beat"),
            "api": stack.pid("api"),
            "receiver": receiver.pid,
        }
        yield Bench(
            stack=stack,
            receiver=receiver,
            groups=groups,
            recipients=[f"{local_part}@{DOMAIN}" for local_part in webhooks],
            folder=folder,
            progress=progress,
        )


def _warm_up(bench: Bench, case: Case) -> None:
    """Imports, caches and connections are not what a case measures."""
    bench.progress("warming up")
    _wait_for_first(bench, case)
    result = _send_some(bench, case, count=WARM_UP)
    _wait_for_all(bench, len(result.accepted) + 1)


def _wait_for_first(bench: Bench, case: Case) -> None:
    """A new recipient may take a moment until ingest sees it. Raises CommandFailed."""
    for _ in range(FIRST_TRIES):
        codes = _send_some(bench, case, count=1).codes
        if codes[250]:
            return
        time.sleep(POLL)
    raise CommandFailed(f"no mail is accepted ({codes}):\n{bench.stack.log('smtp')[-2000:]}")


def _send_some(bench: Bench, case: Case, *, count: int) -> LoadResult:
    load = Load(
        port=bench.stack.smtp_port,
        recipients=bench.recipients,
        size=case.size,
        connections=case.connections,
        count=count,
    )
    return run_load(load, folder=bench.folder)


def _make_load(bench: Bench, case: Case, *, seconds: float, count: int | None) -> Load:
    return Load(
        port=bench.stack.smtp_port,
        recipients=bench.recipients,
        size=case.size,
        connections=case.connections,
        rate=case.rate,
        count=count,
        seconds=None if count else seconds,
    )


def _show(bench: Bench, delivered_before: int) -> None:
    bench.progress(f"{bench.receiver.count_delivered() - delivered_before} delivered")


def _wait_for_all(bench: Bench, expected: int) -> None:
    """Until `expected` mails have arrived in all, or none has for `STALL` seconds."""
    delivered, changed_at = 0, time.monotonic()
    while delivered < expected and time.monotonic() - changed_at < STALL:
        count = bench.receiver.count_delivered()
        if count != delivered:
            delivered, changed_at = count, time.monotonic()
        bench.progress(f"{expected - delivered} to come")
        time.sleep(POLL)


def _judge(
    case: Case,
    result: LoadResult,
    *,
    bench: Bench,
    before: dict[str, usage.Usage],
    after: dict[str, usage.Usage],
) -> CaseResult:
    accepted = len(result.accepted)
    cpu = usage.cpu_per_message(before=before, after=after, messages=accepted)
    return CaseResult(
        case=case,
        figures=evaluate(result, bench.receiver.arrivals()),
        cpu_us={**cpu, "load": result.cpu_seconds * 1e6 / max(accepted, 1)},
        memory=after,
    )
