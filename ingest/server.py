"""The SMTP server: sockets, sessions, and an orderly end."""

import asyncio
import logging
import ssl
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import partial
from typing import Any, Protocol
from weakref import WeakSet

from fastsmtp.config import Config
from fastsmtp.dns import Resolver
from ingest.backpressure import Backpressure
from ingest.bell import Bell
from ingest.budget import ByteBudget
from ingest.door import Door
from ingest.handler import Handler
from ingest.limits import ConnectionCount, Limits
from ingest.protocol import SMTPProtocol
from ingest.rates import Rate
from ingest.shared_rates import SharedRates
from ingest.tls import Certificate
from ingest.verification import Verifier
from ingest.writer import Writer

log = logging.getLogger(__name__)

BACKLOG = 1024  # connections the kernel holds for us

type Chore = Callable[[asyncio.Event], Coroutine[Any, Any, None]]  # until the event is set


class Service(Protocol):
    """A thread of its own; `stop` waits until it has finished what it has."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Server:
    def __init__(
        self,
        config: Config,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        *,
        has_siblings: bool = False,
    ) -> None:
        """`has_siblings`: other processes listen on the same ports."""
        self._config = config
        self._has_siblings = has_siblings
        self._limits = limits
        new_count = partial(
            ConnectionCount,
            most=config.smtp_max_connections,
            most_per_address=config.smtp_max_connections_per_address,
        )
        self._connections = new_count()
        self._door = Door(
            waiting=new_count(),
            proxies=config.smtp_proxy_networks,
            trusted=config.smtp_trusted_networks,
            limits=limits,
        )
        self._backpressure = Backpressure(config.queue_max_pending)
        self._rates: dict[str, Rate] = {}
        if config.smtp_rate_limit_enabled:
            self._rates["connections"] = Rate(config.smtp_rate_limit_connections_per_minute)
            self._rates["messages"] = Rate(config.smtp_rate_limit_messages_per_minute)
        # A process that is alone, in an installation without servers, has nobody to tell.
        self._shared_rates = (
            SharedRates(config.broker_url, self._rates)
            if self._rates and (has_siblings or config.redis_url is not None)
            else None
        )
        bell = Bell()
        self._writer = Writer(on_stored=bell.ring)
        # In the order of their start; the last to be started is the first to be stopped.
        self._services: Sequence[Service] = (self._backpressure, bell, self._writer)
        self._handler = Handler(
            writer=self._writer,
            budget=ByteBudget(limits.data),
            verifier=Verifier(Resolver(servers=config.dns_servers), config),
            max_recipients=config.smtp_max_recipients,
        )
        self._sessions: WeakSet[SMTPProtocol] = WeakSet()
        self._is_draining = False

    async def serve(self, stopping: asyncio.Event) -> None:
        """Listens until `stopping` is set, then finishes what is under way.

        Raises OSError when a port is taken, ConfigError for a certificate that cannot be used.
        """
        certificate = Certificate.configured(self._config)
        tls = certificate.context if certificate else None
        listeners = [await self._listen(self._config.smtp_port, starttls=tls)]
        if tls is not None:
            listeners.append(await self._listen(self._config.smtp_tls_port, implicit=tls))
        for service in self._services:
            service.start()
        chores = [asyncio.create_task(chore(stopping)) for chore in self._chores(certificate)]
        log.info("SMTP on %s:%d", self._config.smtp_host, self._config.smtp_port)
        await stopping.wait()
        for listener in listeners:
            listener.close()
        await self._door.close()
        await self._drain()
        await asyncio.to_thread(self._handler.stop)
        for service in reversed(self._services):
            await asyncio.to_thread(service.stop)
        await asyncio.gather(*chores)

    def _chores(self, certificate: Certificate | None) -> Iterator[Chore]:
        if certificate is not None:
            yield certificate.follow
        if self._shared_rates is not None:
            yield self._shared_rates.run

    async def _listen(
        self,
        port: int,
        *,
        starttls: ssl.SSLContext | None = None,
        implicit: ssl.SSLContext | None = None,
    ) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        new_session = partial(self._session, starttls)
        has_door = implicit is not None or self._config.smtp_proxy_networks
        return await loop.create_server(
            self._door.protocol(new_session, tls=implicit) if has_door else new_session,
            self._config.smtp_host,
            port,
            backlog=BACKLOG,
            reuse_port=self._has_siblings or None,
        )

    def _session(self, starttls: ssl.SSLContext | None, proxied: str | None = None) -> SMTPProtocol:
        config = self._config
        session = SMTPProtocol(
            self._handler,
            limits=self._limits,
            connections=self._connections,
            backpressure=self._backpressure,
            connection_rate=self._rates.get("connections"),
            message_rate=self._rates.get("messages"),
            trusted=config.smtp_trusted_networks,
            proxied=proxied,
            normalizes_newlines=config.smtp_bare_newlines == "normalize",
            hostname=config.our_hostname,
            data_size_limit=config.smtp_max_message_size,
            enable_SMTPUTF8=True,
            tls_context=starttls,
            require_starttls=config.smtp_require_starttls,
            loop=asyncio.get_running_loop(),
        )
        self._sessions.add(session)
        if self._is_draining:
            session.finish()
        return session

    async def _drain(self) -> None:
        """Sessions between two mails are told to go; the others may finish theirs. One that has
        not begun to talk yet ends with its first word."""
        self._is_draining = True
        conversations = []
        for session in list(self._sessions):
            session.finish()
            if session.conversation is not None:
                conversations.append(session.conversation)
        if conversations:
            seconds = self._config.shutdown_timeout.total_seconds()
            _, unfinished = await asyncio.wait(conversations, timeout=seconds)
            if unfinished:
                log.warning("%d sessions were still open after %g s", len(unfinished), seconds)
