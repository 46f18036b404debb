"""What stands while a load runs: fresh servers, a fresh installation, a receiver."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import usage
from benchmarks.instruments import POLL, ReceiverProcess, run_load
from benchmarks.load import Load, make_run
from benchmarks.results import Measurement, evaluate
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
    stack: Stack
    receiver: ReceiverProcess
    groups: dict[str, int]  # name of a group of processes → pid of the first
    recipients: Sequence[str]
    folder: Path
    progress: Progress

    def warm_up(self, load: Load) -> None:
        """With mails like those of `load`: imports, caches and connections are not measured."""
        self.progress("warming up")
        self._wait_for_first(load)
        result = self._send_some(load, WARM_UP)
        self.wait_for_all(len(result.accepted) + 1)

    def measure(self, load: Load) -> Measurement:
        """Until everything that was accepted has arrived, or is lost."""
        arrived = self.receiver.count_delivered()
        before = usage.measure(self.groups)
        result = self.run(load)
        self.wait_for_all(arrived + len(result.accepted))
        after = usage.measure(self.groups)
        accepted = len(result.accepted)
        cpu = usage.cpu_per_message(before=before, after=after, messages=accepted)
        return Measurement(
            figures=evaluate(result, self.receiver.arrivals()),
            cpu_us={**cpu, "load": result.cpu_seconds * 1e6 / max(accepted, 1)},
            memory=after,
        )

    def run(self, load: Load) -> LoadResult:
        """Returns when all of it is answered; raises ProcessFailed."""
        before = self.receiver.count_delivered()

        def show() -> None:
            self.progress(f"{self.receiver.count_delivered() - before} delivered")

        return run_load(load, folder=self.folder, on_wait=show)

    def wait_for_all(self, expected: int) -> None:
        """Until `expected` mails have arrived in all, or none has for `STALL` seconds."""
        self._wait_for(expected, self.receiver.count_delivered)

    def wait_for_run(self, result: LoadResult) -> None:
        """The same for the mails of one load, whatever else arrives."""
        self.wait_for_count(result.run, len(result.accepted))

    def wait_for_count(self, run: str, expected: int) -> None:
        self._wait_for(expected, lambda: self.receiver.count_delivered(run=run))

    def _wait_for(self, expected: int, count_delivered: Callable[[], int]) -> None:
        delivered, changed_at = 0, time.monotonic()
        while delivered < expected and time.monotonic() - changed_at < STALL:
            count = count_delivered()
            if count != delivered:
                delivered, changed_at = count, time.monotonic()
            self.progress(f"{expected - delivered} to come")
            time.sleep(POLL)

    def _wait_for_first(self, load: Load) -> None:
        """A new recipient may take a moment until ingest sees it. Raises CommandFailed."""
        for _ in range(FIRST_TRIES):
            codes = self._send_some(load, 1).codes
            if codes[250]:
                return
            time.sleep(POLL)
        raise CommandFailed(f"no mail is accepted ({codes}):\n{self.stack.log('smtp')[-2000:]}")

    def _send_some(self, load: Load, count: int) -> LoadResult:
        some = replace(load, count=count, seconds=None, rate=None, run=make_run())
        return run_load(some, folder=self.folder)


@contextmanager
def build(
    *,
    database: str,
    endpoints: int,
    folder: Path,
    progress: Progress,
    environment: Mapping[str, str] | None = None,
    behaviours: Mapping[str, str] | None = None,
) -> Iterator[Bench]:
    """`behaviours` are those of the receiver's paths. The endpoint of u7 has the path /e/7.

    Raises ProcessFailed, CommandFailed, ServerNotFound when something does not start.
    """
    progress("starting")
    with ExitStack() as exits:
        broker = exits.enter_context(RedisServer())
        groups = {"broker": broker.process.pid}
        database_url = None
        if database == "postgresql":
            cluster = exits.enter_context(PostgresCluster())
            groups["database"] = cluster.process.pid
            database_url = cluster.create_database("fastsmtp")
        receiver = exits.enter_context(ReceiverProcess(folder=folder, behaviours=behaviours))
        stack = exits.enter_context(
            Stack(
                folder=folder,
                redis_url=broker.url,
                database_url=database_url,
                environment=environment,
            )
        )
        webhooks = {f"u{n}": receiver.url(f"/e/{n}") for n in range(endpoints)}
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
