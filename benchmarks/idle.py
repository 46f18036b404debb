"""How much memory clients cost that are only connected, and whether others notice them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import usage
from benchmarks.bench import Bench, Progress, build
from benchmarks.instruments import start_module
from benchmarks.load import Load
from benchmarks.results import Percentiles, percentiles
from harness.processes import Process, free_port, is_listening
from harness.waiting import wait_until
from ingest.tests.certificates import KeyPair

PLAIN, TLS = 5000, 1000  # connections
OPENING = 120.0  # seconds for all of them
MAILS = 100  # sent while they are idle
RATE = 20.0  # of these in a second


@dataclass(frozen=True, kw_only=True)
class IdleResult:
    kind: str
    connections: int  # that are idle, of those that were tried
    tried: int
    before_mb: float  # of the ingest process
    peak_mb: float
    accepted: int  # of MAILS
    to_reply: Percentiles | None

    @property
    def kb_each(self) -> float:
        return (self.peak_mb - self.before_mb) * 1024 / max(self.connections, 1)


def run_idle(
    *,
    database: str,
    folder: Path,
    progress: Progress,
    plain: int = PLAIN,
    encrypted: int = TLS,
) -> Iterator[IdleResult]:
    """A fresh installation for each kind: the peak of one must not hide that of the other."""
    for kind, count in (("plain", plain), ("TLS", encrypted)):
        place = folder / kind
        place.mkdir()
        pair, tls_port = KeyPair.generate(place), free_port()
        with build(
            database=database,
            endpoints=1,
            folder=place,
            progress=progress,
            environment={
                "FASTSMTP_SMTP_TLS_CERT": str(pair.certificate),
                "FASTSMTP_SMTP_TLS_KEY": str(pair.key),
                "FASTSMTP_SMTP_TLS_PORT": str(tls_port),
            },
        ) as bench:
            port = tls_port if kind == "TLS" else bench.stack.smtp_port
            yield _measure(bench, kind, port, count)


def _measure(bench: Bench, kind: str, port: int, count: int) -> IdleResult:
    load = Load(port=bench.stack.smtp_port, recipients=bench.recipients, count=MAILS, rate=RATE)
    bench.warm_up(load)
    wait_until(lambda: is_listening(port))
    before = _ingest_peak(bench)
    bench.progress(f"opening {count} connections")
    clients, connected = _connect(bench, kind, port, count)
    try:
        result = bench.run(load)
        peak = _ingest_peak(bench)
    finally:
        clients.kill()
    return IdleResult(
        kind=kind,
        connections=connected,
        tried=count,
        before_mb=before,
        peak_mb=peak,
        accepted=len(result.accepted),
        to_reply=percentiles(mail.replied_at - mail.dot_at for mail in result.accepted),
    )


def _connect(bench: Bench, kind: str, port: int, count: int) -> tuple[Process, int]:
    """The process that holds them, and how many it holds."""
    options = ["--tls"] if kind == "TLS" else []
    clients = start_module(
        "benchmarks.idle_clients",
        f"--port={port}",
        f"--connections={count}",
        *options,
        log=bench.folder / "idle_clients.log",
    )
    clients.wait_until(lambda: "are idle" in clients.log.read_text(), timeout=OPENING)
    return clients, int(clients.log.read_text().split()[0])


def _ingest_peak(bench: Bench) -> float:
    """MB, by the kernel's account."""
    return usage.measure({"ingest": bench.groups["ingest"]})["ingest"].peak_mb
