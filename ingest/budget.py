"""How many bytes of DATA this process holds at once."""

from types import TracebackType
from typing import Self


class Reservation:
    """The bytes of one message in progress; given back when the block ends."""

    def __init__(self, budget: "ByteBudget") -> None:
        self._budget = budget
        self._bytes = 0

    def grow(self, count: int) -> None:
        self._bytes += count
        self._budget.used += count

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._budget.used -= self._bytes


class ByteBudget:
    """Refuses to begin a message while `limit` bytes are held; begun ones may finish."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    def reserve(self) -> Reservation | None:
        return Reservation(self) if self.used < self.limit else None
