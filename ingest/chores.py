"""What is done now and then beside the sessions, on the event loop or in a thread of its own."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType

log = logging.getLogger(__name__)


class Surviving:
    """`with surviving:` around a turn of work that is repeated.

    Work deals with trouble that it expects. Any other error is ours: it is logged, once of a kind,
    and harms neither the sessions nor the next turn.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._logged: set[type[Exception]] = set()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        if type(error) not in self._logged:
            log.error("unexpected error, %s goes on", self._name, exc_info=error)
        self._logged.add(type(error))
        return True


async def repeat(
    work: Callable[[], Awaitable[None]], *, name: str, interval: float, stopping: asyncio.Event
) -> None:
    """Every `interval` seconds until `stopping` is set, and then once more."""
    surviving = Surviving(name)
    while not stopping.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), interval)
        with surviving:
            await work()
