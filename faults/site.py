"""One installation under test: its servers, its roles, and the traffic through it."""

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import psutil
import redis

from faults.count import Count, evaluate
from faults.ledger import Ledger, Rows
from faults.traffic import RATE, Traffic
from harness.processes import listeners
from harness.servers import PostgresCluster, RedisServer
from harness.stack import Role, Stack
from harness.waiting import wait_until

DOMAIN = "faults.example"
QUEUE = "fastsmtp"  # of Celery's tasks
# Seconds; with it a claim lasts 17.
ENVIRONMENT = MappingProxyType({"FASTSMTP_WEBHOOK_TIMEOUT": "2"})
SETTLE_TIMEOUT = 60.0  # seconds
SETTLE_POLL = 0.1  # seconds


class Post(NamedTuple):
    """Where a role of the product runs."""

    host: Stack
    role: Role


@dataclass(kw_only=True)
class Site:
    stack: Stack
    broker: RedisServer
    cluster: PostgresCluster | None  # None: the database is SQLite
    ledger: Ledger
    traffic: Traffic
    neighbours: list[Stack] = field(default_factory=list)  # more hosts of the installation
    # Of the running scenario:
    in_flight: set[str] = field(default_factory=set)
    known: Rows = field(default_factory=Rows)
    is_sound: bool = False  # it ended well, and the next one may begin here

    def begin(self) -> None:
        """A new scenario, which counts from here."""
        self.traffic.forget()
        self.in_flight = set()
        self.known = self.ledger.rows()
        self.is_sound = False

    def load(self, *, rate: float = RATE) -> AbstractContextManager[None]:
        recipient = f"inbox@{DOMAIN}"
        return self.traffic.load(port=self.stack.smtp_port, recipient=recipient, rate=rate)

    def wait_for_mails(self, count: int, *, timeout: float = 30) -> None:
        self.traffic.wait_for_mails(count, timeout=timeout)

    def wait_for_bell(self) -> None:
        """Until the broker is rung, by smtpd and by beat, and the worker hears it."""
        with redis.Redis.from_url(self.broker.url) as client:

            def is_rung() -> bool:
                ringing = sum(connection["cmd"] == "lpush" for connection in client.client_list())
                return ringing >= 2 and client.llen(QUEUE) == 0

            wait_until(is_rung)

    def receivers(self) -> list[psutil.Process]:
        """The processes that listen for mail."""
        return listeners(self.stack.pid("smtp"), self.stack.smtp_port)

    def wait_for_receivers(self, count: int) -> None:
        wait_until(lambda: len(self.receivers()) == count, timeout=60)

    def replace(self, receiver: psutil.Process) -> None:
        """SIGTERM to one of several; returns when it has ended and another one listens."""
        count = len(self.receivers())
        receiver.terminate()
        receiver.wait(timeout=45)
        self.wait_for_receivers(count)

    @property
    def posts(self) -> dict[str, Post]:
        """Every process of the product: by its role, and on the second host `worker 2`."""
        hosts = enumerate([self.stack, *self.neighbours], start=1)
        return {
            role if number == 1 else f"{role} {number}": Post(host, role)
            for number, host in hosts
            for role in host.roles
        }

    def kill(self, name: str) -> None:
        """`kill -9`, and a note of the calls that it interrupts."""
        post = self.posts[name]
        post.host.kill(post.role)
        self.note_in_flight(post.role)

    def wait_for_end(self, role: Role) -> None:
        """Until it has died by itself, at its crash point."""
        wait_until(lambda: not self.stack.is_running(role), timeout=60)
        self.note_in_flight(role)

    def note_in_flight(self, role: Role) -> None:
        if role == "worker":
            self.in_flight |= self.ledger.claimed()

    def settle(self) -> Count:
        """Waits until nothing is open, or has been for too long, then counts."""
        ends_at = time.monotonic() + SETTLE_TIMEOUT
        while self.ledger.open_count() and time.monotonic() < ends_at:
            time.sleep(SETTLE_POLL)
        count = evaluate(
            self.traffic.sent,
            list(self.traffic.receiver.received),
            rows=self.ledger.rows() - self.known,
            open_count=self.ledger.open_count(),
            in_flight=self.in_flight,
        )
        self.is_sound = not (count.broken_promises() or self.dead_roles())
        return count

    def dead_roles(self) -> list[str]:
        """Roles that have ended; nothing but a scenario starts one again."""
        return [name for name, (host, role) in self.posts.items() if not host.is_running(role)]


@contextmanager
def build_site(
    *, database: str, folder: Path, environment: Mapping[str, str] = ENVIRONMENT
) -> Iterator[Site]:
    """Raises ServerNotFound where PostgreSQL is not installed."""
    with ExitStack() as exits:
        cluster = database_url = None
        if database == "postgresql":
            cluster = exits.enter_context(PostgresCluster())
            database_url = cluster.create_database("fastsmtp")
        broker = exits.enter_context(RedisServer())
        traffic = exits.enter_context(Traffic())
        stack = exits.enter_context(
            Stack(
                folder=folder,
                redis_url=broker.url,
                database_url=database_url,
                environment=environment,
            )
        )
        stack.create_recipients(DOMAIN, {"inbox": traffic.receiver.url("/inbox")})
        yield Site(
            stack=stack,
            broker=broker,
            cluster=cluster,
            ledger=Ledger(database_url or str(folder / "fastsmtp.sqlite3")),
            traffic=traffic,
        )
