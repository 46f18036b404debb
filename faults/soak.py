"""Mail at a steady rate to endpoints of every temper, while a fault comes every few seconds; then
the count of all of it."""

import math
import random
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from benchmarks.load import Load, LoadRun
from benchmarks.progress import ProgressLine
from faults import endpoints
from faults.growth import Growth
from faults.site import Site, build_site
from faults.traffic import CONNECTIONS, RETRY_DELAY, SIZE
from faults.troubles import Planned, RoleFailed, Trouble, plan, troubles_of
from faults.verdict import Verdict, judge
from harness.processes import catches

TIMEOUT = 3.0  # seconds of a call
CLAIM = TIMEOUT + 15  # seconds
# Everything comes to its end within a minute, also what is tried until the schedule is over.
ENVIRONMENT = {
    "FASTSMTP_WEBHOOK_TIMEOUT": str(TIMEOUT),
    "FASTSMTP_WEBHOOK_RETRY_BASE_DELAY": "0.5",
    "FASTSMTP_WEBHOOK_RETRY_SCHEDULE": "2s,4s,6s,8s,10s",
}
LARGE = {1_000_000: 0.3, 3_000_000: 0.1, 5_000_000: 0.06}  # bytes → mails per second
SAMPLE_INTERVAL = 1.0  # seconds
TICK = 0.1  # seconds
SUSPECTS_SHOWN = 10
ANSWER_TIMEOUT = 120.0  # seconds after the last fault, until which every sender has its 250
DRAIN_TIMEOUT = 180.0  # seconds after that, until nothing is open


class Soak:
    """One run on one installation."""

    def __init__(
        self, site: Site, *, seed: int, seconds: float, rate: float, progress: ProgressLine
    ) -> None:
        self._site = site
        self._dice = random.Random(seed)
        self._seconds = seconds
        self._rate = rate
        self._progress = progress
        self.planned = plan(troubles_of(site, claim_seconds=CLAIM), seed=seed, seconds=seconds)
        self._active: list[tuple[float, Trouble]] = []  # and when each ends
        self._wrong: list[str] = []
        self._history: list[str] = []  # as it really went, by the clock of the logs
        cluster = site.cluster
        self._growth = Growth(
            receiver=site.traffic.receiver.port,
            database=cluster.port if cluster else None,
            broker=site.broker.port,
        )

    def run(self) -> Verdict:
        site = self._site
        self._progress.show("making domains, recipients and rules")
        endpoints.furnish(site.stack, site.traffic.receiver, self._dice)
        site.begin()
        with site.traffic.loads(*self._make_loads()) as runs:
            self._live_through(runs)
            self._progress.show("waiting for the last replies")
        endpoints.heal(site.traffic.receiver)
        self._drain()
        return judge(
            site.traffic.sent,
            site.traffic.receiver.received,
            rows=site.ledger.rows() - site.known,
            endings=site.ledger.endings(),
            open_count=site.ledger.open_count(),
            in_flight=site.in_flight,
            trends=self._growth.trends(),
            wrong=[*self._wrong, *(f"{name} ended by itself" for name in site.dead_roles())],
        )

    def explain(self, verdict: Verdict) -> Iterator[str]:
        """For who looks for the cause: what happened when, and the calls of some deliveries."""
        yield from self._history
        for delivery, why in islice(verdict.suspects.items(), SUSPECTS_SHOWN):
            yield f"{delivery} {why}:"
            yield from self._site.ledger.attempts(delivery)

    def _make_loads(self) -> Iterator[Load]:
        yield self._make_load(rate=self._rate, size=SIZE, connections=CONNECTIONS, lost=50)
        for size, rate in LARGE.items():
            yield self._make_load(rate=rate, size=size, connections=2, lost=5)

    def _make_load(self, *, rate: float, size: int, connections: int, lost: int) -> Load:
        recipients = endpoints.recipients(is_large=size > SIZE)
        return Load(
            port=self._site.stack.smtp_port,
            recipients=self._dice.sample(recipients, len(recipients)),
            connections=connections,
            size=size,
            rate=rate,
            seconds=self._seconds,
            retry_delay=RETRY_DELAY,
            lost_reply_every=lost,
            timeout=self._seconds + ANSWER_TIMEOUT,
        )

    def _live_through(self, runs: list[LoadRun]) -> None:
        started_at = time.monotonic()
        sampled_at = -SAMPLE_INTERVAL
        coming = list(self.planned)
        while (now := time.monotonic() - started_at) < self._seconds:
            self._end_troubles(now)
            for planned in [item for item in coming if item.at <= now]:
                # On a busy machine things take their time, and what was planned comes later.
                if planned.trouble.targets <= self._ready():
                    coming.remove(planned)
                    self._begin_trouble(planned, until=now + planned.seconds)
            if now - sampled_at >= SAMPLE_INTERVAL:
                sampled_at = now
                self._look_after_roles(now)
            self._show(runs)
            time.sleep(TICK)
        self._end_troubles(math.inf)

    def _begin_trouble(self, planned: Planned, *, until: float) -> None:
        try:
            planned.trouble.begin(self._site)
        except RoleFailed as error:
            self._wrong.append(str(error))
        self._active.append((until, planned.trouble))
        self._note(f"{planned.trouble.name} has begun")

    def _end_troubles(self, now: float) -> None:
        for until, trouble in [item for item in self._active if item[0] <= now]:
            trouble.end(self._site)
            self._active.remove((until, trouble))
            self._note(f"{trouble.name} is over")

    def _ready(self) -> set[str]:
        """What has no trouble, and is not just being started."""
        starting = {
            name
            for name, (host, role) in self._site.posts.items()
            if not (host.is_running(role) and catches(host.pid(role), signal.SIGTERM))
        }
        everything = {*self._site.posts, "broker", "database"}
        return everything - self._troubled() - starting

    def _troubled(self) -> set[str]:
        return {target for _, trouble in self._active for target in trouble.targets}

    def _note(self, event: str) -> None:
        self._history.append(f"{datetime.now(UTC):%H:%M:%S}  {event}")

    def _look_after_roles(self, now: float) -> None:
        """One that ended by itself is a finding, and is started again."""
        troubled = self._troubled()
        calm = {name: post for name, post in self._site.posts.items() if name not in troubled}
        for name, (host, role) in calm.items():
            if not host.is_running(role):
                self._wrong.append(f"{name} ended by itself")
                self._note(f"{name} has ended by itself")
                self._site.note_in_flight(role)
                host.start(role)
        if "database" not in troubled:
            pids = {name: host.pid(role) for name, (host, role) in calm.items()}
            self._growth.sample(pids, at=now)

    def _show(self, runs: list[LoadRun]) -> None:
        answered = sum(run.settled_count for run in runs)
        delivered = len(self._site.traffic.receiver.delivered)
        troubles = ", ".join(trouble.name for _, trouble in self._active)
        self._progress.show(f"{answered} accepted, {delivered} delivered; {troubles or 'calm'}")

    def _drain(self) -> None:
        ends_at = time.monotonic() + DRAIN_TIMEOUT
        while (count := self._site.ledger.open_count()) and time.monotonic() < ends_at:
            self._progress.show(f"{count} still open")
            time.sleep(1)
        self._progress.finish("drained" if not count else f"{count} still open")


@contextmanager
def soaked_site(*, database: str, folder: Path, is_kept: bool = False) -> Iterator[Site]:
    """With a second worker where the database is a server. Raises ServerNotFound."""
    with ExitStack() as exits:
        site = exits.enter_context(
            build_site(database=database, folder=folder, environment=ENVIRONMENT)
        )
        if site.cluster is not None:
            site.cluster.is_kept = is_kept
            second = folder / "second"
            second.mkdir()
            site.neighbours.append(
                exits.enter_context(site.stack.neighbour("worker", folder=second))
            )
        yield site
