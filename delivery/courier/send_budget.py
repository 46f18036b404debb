"""How many bytes of large bodies this process holds at once."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Share:
    """What one body has of the budget; given back at the end of the block."""

    def __init__(self, size: int, on_change: Callable[[int], None]) -> None:
        self._size = size
        self._on_change = on_change

    def resize(self, size: int) -> None:
        """What it really is. More is not waited for; others wait the longer."""
        self._on_change(size - self._size)
        self._size = size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.resize(0)


class SendBudget:
    """First come, first served. A body that is larger than all of it goes alone."""

    def __init__(self, limit: int) -> None:
        self.used = 0
        self._limit = limit
        self._turn = asyncio.Lock()  # its waiters have an order
        self._freed = asyncio.Event()

    async def take(self, size: int) -> Share:
        """Waits for so many bytes. Who stops waiting has taken nothing."""
        async with self._turn:
            while self.used and self.used + size > self._limit:
                self._freed.clear()
                await self._freed.wait()
            self._change(size)
        return Share(size, self._change)

    def _change(self, count: int) -> None:
        self.used += count
        if count < 0:
            self._freed.set()
