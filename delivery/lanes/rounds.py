"""Going round rows that are due, page by page, the longest due first. Rows that stay due, because
they hang, have a backlog or are locked by somebody else, must not hide those behind them."""

import uuid
from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

from fastsmtp import keyset


class Rounds:
    """`due` gives the rows that are due now; `time` is the column that says since when."""

    def __init__(self, due: Callable[[], QuerySet[Any]], *, time: str, page_size: int) -> None:
        self.page_size = page_size
        self._due = due
        self._time = time
        self._after: keyset.Position | None = None

    def next_page(self) -> list[uuid.UUID]:
        """Their keys. A page that is not full is the last one of a round."""
        page = keyset.page(self._due(), self._after, by=self._time, size=self.page_size)
        self._after = page[-1] if len(page) == self.page_size else None
        return [key for _, key in page]
