"""How many bytes of large bodies this process holds at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class SendBudget:
    """A body that is larger than all of it goes alone."""

    def __init__(self, limit: int) -> None:
        self.used = 0
        self._limit = limit
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def take(self, count: int) -> AsyncIterator[None]:
        """Waits for so many bytes and gives them back at the end of the block."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.used == 0 or self.used + count <= self._limit)
            self.used += count
        try:
            yield
        finally:
            self.used -= count
            async with self._changed:
                self._changed.notify_all()
