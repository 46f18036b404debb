"""SMTP load: hands out mails to connections, at full speed or at a rate, and counts the replies.

    result = await send(Load(port=2525, recipients=["u0@bench.example"], count=1000))

Nothing is dropped in silence: every mail of the run is in the result, with the code of its last
reply, or 0 when there was none.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.mails import LOAD_DOMAIN, RUN_LENGTH, label_of, make_id, make_template
from benchmarks.sent import LoadResult, Sent
from benchmarks.signing import sign
from benchmarks.smtp_client import Connection, Mail

__all__ = ["Load", "LoadResult", "LoadRun", "Sent", "make_run", "send"]

RECONNECT_DELAY = 0.1  # seconds


def make_run() -> str:
    return secrets.token_hex(RUN_LENGTH // 2)


@dataclass(frozen=True, kw_only=True)
class Load:
    """What to send. Ends after `count` mails or `seconds`, whichever comes first."""

    port: int
    recipients: Sequence[str]
    host: str = "127.0.0.1"
    connections: int = 1
    size: int = 4096  # bytes
    count: int | None = None
    seconds: float | None = None
    rate: float | None = None  # mails per second over all connections; None is as fast as possible
    retry_delay: float | None = None  # seconds until a 4xx or a lost connection is tried again
    lost_reply_every: int | None = None  # one 250 of so many never reaches the sender
    timeout: float = 600  # seconds, for everything
    sender_domain: str = LOAD_DOMAIN  # "*" in it becomes a label that no other mail has
    signing_key: Path | None = None  # PEM; each mail has a signature of the sender's domain
    client_ip: str | None = None  # where the PROXY protocol says that a connection is from
    # Six characters, so that every mail has the same size.
    run: str = field(default_factory=make_run)


async def send(load: Load) -> LoadResult:
    return await LoadRun(load).finish()


class LoadRun:
    """One run of a Load, from inside an event loop."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._templates = [
            (recipient, make_template(size=load.size, recipient=recipient, sign=self._sign))
            for recipient in load.recipients
        ]
        self._open: set[Mail] = set()
        self._sent: list[Sent] = []
        self._due: deque[Mail] = deque()
        self._idle: list[Connection] = []
        self._is_time_up = False
        self._is_over = asyncio.Event()
        self._connection_errors = 0
        self._made_count = 0

    @property
    def settled_count(self) -> int:
        return len(self._sent)

    async def finish(self) -> LoadResult:
        """Returns when every mail is settled, or after the load's timeout."""
        cpu = time.process_time()
        tasks = [asyncio.create_task(self._keep_connected()) for _ in range(self._load.connections)]
        if self._load.rate is not None:
            tasks.append(asyncio.create_task(self._pace(self._load.rate)))
        if self._load.seconds is not None:
            asyncio.get_running_loop().call_later(self._load.seconds, self.stop_making)
        try:
            async with asyncio.timeout(self._load.timeout):
                await self._is_over.wait()
        except TimeoutError:
            self._is_over.set()  # what is open now goes into the result as it is
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome
        return LoadResult(
            run=self._load.run,
            sent=self._sent + [_record(mail) for mail in self._open],
            connection_errors=self._connection_errors,
            cpu_seconds=time.process_time() - cpu,
        )

    def stop_making(self) -> None:
        """The run ends once the mails that are under way are settled."""
        self._is_time_up = True
        self._look_for_end()

    def connection_idle(self, connection: Connection) -> None:
        if self._due:
            connection.send(self._due.popleft())
        elif self._load.rate is None and not self._has_made_all():
            connection.send(self._make_mail())
        else:
            self._idle.append(connection)

    def mail_answered(self, mail: Mail) -> None:
        if 400 <= mail.code < 500:
            self._retry_or_settle(mail)
        else:
            self._settle(mail)

    def connection_closed(self, connection: Connection, mail: Mail | None) -> None:
        if connection in self._idle:
            self._idle.remove(connection)
        if self._is_over.is_set():
            return
        self._connection_errors += 1
        if mail is not None:
            mail.code = mail.replied_at = 0
            self._retry_or_settle(mail)

    def _retry_or_settle(self, mail: Mail) -> None:
        if self._load.retry_delay is None:
            self._settle(mail)
        else:
            loop = asyncio.get_running_loop()
            loop.call_later(self._load.retry_delay, self._offer, mail)

    def _offer(self, mail: Mail) -> None:
        if self._idle:
            self._idle.pop().send(mail)
        else:
            self._due.append(mail)

    def _make_mail(self) -> Mail:
        recipient, template = self._templates[self._made_count % len(self._templates)]
        unique_id = make_id(self._load.run, self._made_count)
        mail = Mail(
            unique_id=unique_id,
            mail_from=f"orders@{self._sender_domain(label_of(unique_id))}",
            recipient=recipient,
            content=template.render(unique_id),
        )
        self._made_count += 1
        every = self._load.lost_reply_every
        mail.loses_reply = every is not None and self._made_count % every == 0
        self._open.add(mail)
        return mail

    def _sign(self, raw: bytes, label: str) -> bytes:
        key = self._load.signing_key
        return sign(raw, key=key, domain=self._sender_domain(label)) if key else raw

    def _sender_domain(self, label: str) -> str:
        return self._load.sender_domain.replace("*", label)

    def _has_made_all(self) -> bool:
        count = self._load.count
        return self._is_time_up or (count is not None and self._made_count >= count)

    def _settle(self, mail: Mail) -> None:
        self._open.remove(mail)
        self._sent.append(_record(mail))
        self._look_for_end()

    def _look_for_end(self) -> None:
        if not self._open and self._has_made_all():
            self._is_over.set()

    async def _pace(self, rate: float) -> None:
        """Makes mails by the clock, also while the server is slow."""
        start = time.monotonic()
        while not self._has_made_all():
            self._offer(self._make_mail())
            await asyncio.sleep(start + self._made_count / rate - time.monotonic())

    async def _keep_connected(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                _, connection = await loop.create_connection(
                    lambda: Connection(self, client_ip=self._load.client_ip),
                    self._load.host,
                    self._load.port,
                )
            except OSError:
                self._connection_errors += 1
            else:
                await self._stay(connection)
            await asyncio.sleep(RECONNECT_DELAY)

    async def _stay(self, connection: Connection) -> None:
        try:
            await asyncio.shield(connection.closed)
        except asyncio.CancelledError:
            connection.quit()
            await connection.closed
            raise


def _record(mail: Mail) -> Sent:
    return Sent(
        mail.unique_id,
        mail.recipient,
        mail.started_at,
        mail.dot_at,
        mail.replied_at,
        mail.code,
        mail.tries,
        mail.unanswered,
    )
