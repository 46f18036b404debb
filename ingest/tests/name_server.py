"""A name server for the server under test: on a thread of its own, as that has one."""

import asyncio
import threading
from types import TracebackType
from typing import Self

from fastsmtp.dns_server import DNSServer
from fastsmtp.tests.dns_server import Answering, serving


class NameServerInThread:
    """`asked` has name, type and transport of every query."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="dns")

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        async with serving(self._answering) as server:
            self.port, self.asked = server.port, server.asked
            self._is_ready.set()
            await self._stopping.wait()

    @property
    def addresses(self) -> list[DNSServer]:
        return [DNSServer("127.0.0.1", self.port)]

    def __enter__(self) -> Self:
        self._thread.start()
        self._is_ready.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
