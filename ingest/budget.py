"""How many bytes of DATA this process holds at once."""

from types import TracebackType
from typing import Self


class Reservation:
    """The bytes of one message in progress; given back when the block ends."""

    def __init__(self, budget: "ByteBudget") -> None:
        self._budget = budget
        self._bytes = 0

    def grow(self, count: int) -> bool:
        """False when there is no room for so many bytes more; then nothing has changed."""
        is_alone = self._budget.used == self._bytes
        if self._budget.used + count > self._budget.limit and not is_alone:
            return False
        self._bytes += count
        self._budget.used += count
        return True

    def give_back(self) -> None:
        self._budget.used -= self._bytes
        self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.give_back()


class ByteBudget:
    """Of all messages together. Only one that is alone may exceed `limit` bytes: it could never
    come in otherwise."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    def reserve(self) -> Reservation | None:
        """None when there is no room for another message at all."""
        return Reservation(self) if self.used < self.limit else None
