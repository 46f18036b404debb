"""What verification costs at the SMTP edge, and whom a dead name server delays.

Every mail has one RSA-2048 signature and comes from a client that the sender's SPF policy allows,
through a PROXY header, because SPF does not ask about clients of this machine. The name server is
a process of its own. Three parts, in one installation:

1. a flood;
2. half of the rate that the flood reached;
3. a quarter of it, in turns without and with sessions whose mail makes us ask a name server that
   never answers. The rate is low enough that those sessions, which hardly need the processor,
   could only delay others by making them wait.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from benchmarks.bench import Bench, Progress, build
from benchmarks.instruments import LoadProcess, NameServerProcess
from benchmarks.load import Load, make_run
from benchmarks.name_server import CLIENT_IP, DEAD_DOMAIN
from benchmarks.results import Case, CaseResult, Percentiles, percentiles
from benchmarks.sent import LoadResult
from benchmarks.signing import make_key

CONNECTIONS = 50
WAITING_SESSIONS = 20
ROUNDS = 4  # of the third part
WAIT = 5.0  # seconds, the resolver's timeout: after these as many sessions wait as ever will
MARGIN = 1.0  # seconds that they go on longer than the others


@dataclass(frozen=True)
class DeadResolver:
    """p99 of the 250 in ms, phase by phase, without and with sessions that wait."""

    rate: float  # mails per second of the ordinary sessions
    without: list[float]
    with_waiting: list[float]
    waits: Percentiles | None  # from end of data to the 250, of the sessions that wait

    @property
    def ratio(self) -> float:
        """Of the medians: a phase that something else on the machine disturbed does not count."""
        return median(self.with_waiting) / median(self.without)


@dataclass(frozen=True, kw_only=True)
class EdgeResult:
    flood: CaseResult
    half: CaseResult
    dead: DeadResolver


def run_edge(
    *, database: str, size: int, seconds: float, folder: Path, progress: Progress
) -> EdgeResult:
    """Raises ProcessFailed, CommandFailed, ServerNotFound when something does not start."""
    key = make_key(folder)
    with (
        NameServerProcess(folder=folder, signing_key=key) as names,
        build(
            database=database,
            endpoints=1,
            folder=folder,
            progress=progress,
            environment=_settings(names.address),
        ) as bench,
    ):
        load = Load(
            port=bench.stack.smtp_port,
            recipients=bench.recipients,
            size=size,
            connections=CONNECTIONS,
            seconds=seconds,
            signing_key=key,
            client_ip=CLIENT_IP,
        )
        bench.warm_up(load)
        flood = _measure(bench, database, load)
        rate = flood.figures.accepted_per_second
        half = _measure(bench, database, replace(load, rate=rate / 2, run=make_run()))
        dead = _alternate(bench, replace(load, rate=rate / 4))
        return EdgeResult(flood=flood, half=half, dead=dead)


def _settings(name_server: str) -> Mapping[str, str]:
    return {
        "FASTSMTP_DNS_SERVERS": name_server,
        "FASTSMTP_SMTP_VERIFY_DKIM": "true",
        "FASTSMTP_SMTP_VERIFY_SPF": "true",
        "FASTSMTP_SMTP_PROXY_NETWORKS": "127.0.0.0/8",
        "FASTSMTP_SMTP_RATE_LIMIT_ENABLED": "false",
    }


def _measure(bench: Bench, database: str, load: Load) -> CaseResult:
    case = Case(
        database=database,
        size=load.size,
        connections=load.connections,
        endpoints=len(load.recipients),
        rate=load.rate,
    )
    return CaseResult(case=case, **vars(bench.measure(load)))


def _alternate(bench: Bench, load: Load) -> DeadResolver:
    arrived = bench.receiver.count_delivered()
    without, with_waiting, waits = [], [], []
    accepted = 0
    for _ in range(ROUNDS):
        quiet = bench.run(replace(load, run=make_run()))
        waiting = LoadProcess(_make_waiting(load), folder=bench.folder)
        time.sleep(WAIT)
        disturbed = bench.run(replace(load, run=make_run()))
        waited = waiting.finish()
        without.append(_p99(quiet))
        with_waiting.append(_p99(disturbed))
        waits += [mail.replied_at - mail.dot_at for mail in waited.accepted]
        accepted += sum(len(result.accepted) for result in (quiet, disturbed, waited))
    bench.wait_for_all(arrived + accepted)
    return DeadResolver(load.rate or 0.0, without, with_waiting, percentiles(waits))


def _make_waiting(load: Load) -> Load:
    """Each mail from a domain of its own, so that no answer or failure is known already; one after
    the other, as strangers come, not all at the same moment."""
    return replace(
        load,
        run=make_run(),
        connections=WAITING_SESSIONS,
        rate=WAITING_SESSIONS / WAIT,
        seconds=WAIT + (load.seconds or 0) + MARGIN,
        sender_domain=f"*.{DEAD_DOMAIN}",
    )


def _p99(result: LoadResult) -> float:
    found = percentiles(mail.replied_at - mail.dot_at for mail in result.accepted)
    return found.p99 if found else float("nan")
