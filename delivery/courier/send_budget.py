"""How many bytes of large bodies this process holds at once."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
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


@dataclass(eq=False, slots=True)
class _Waiter:
    owner: str
    size: int
    turn: asyncio.Future[None] = field(default_factory=asyncio.Future)


class SendBudget:
    """First come, first served, but nobody waits behind an owner who has his part already: what he
    adds must leave as much free as he then holds, so that alone he gets half of it. A body that is
    larger than all of it goes alone."""

    def __init__(self, limit: int) -> None:
        self.used = 0
        self._limit = limit
        self._held: Counter[str] = Counter()  # bytes by owner
        self._waiting: list[_Waiter] = []

    async def take(self, size: int, owner: str) -> Share:
        """Waits for so many bytes. Who stops waiting has taken nothing."""
        waiter = _Waiter(owner, size)
        self._waiting.append(waiter)
        self._serve()
        try:
            await waiter.turn
        except asyncio.CancelledError:
            self._leave(waiter)
            raise
        return Share(size, lambda count: self._change(owner, count))

    def _leave(self, waiter: _Waiter) -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)
            self._serve()
        else:  # its turn came at the same moment
            self._change(waiter.owner, -waiter.size)

    def _serve(self) -> None:
        for waiter in list(self._waiting):
            # One that was cancelled is about to leave.
            if waiter.turn.done() or not self._is_modest(waiter):
                continue
            if self.used and self.used + waiter.size > self._limit:
                return
            self._waiting.remove(waiter)
            self._add(waiter.owner, waiter.size)
            waiter.turn.set_result(None)

    def _is_modest(self, waiter: _Waiter) -> bool:
        held = self._held[waiter.owner]
        return not held or held + waiter.size <= self._limit - self.used

    def _change(self, owner: str, count: int) -> None:
        self._add(owner, count)
        if count < 0:
            self._serve()

    def _add(self, owner: str, count: int) -> None:
        self.used += count
        self._held[owner] += count
        if not self._held[owner]:
            del self._held[owner]
