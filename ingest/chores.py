"""What is done now and then on the event loop, beside the sessions."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

log = logging.getLogger(__name__)


async def repeat(
    work: Callable[[], Awaitable[None]], *, name: str, interval: float, stopping: asyncio.Event
) -> None:
    """Every `interval` seconds until `stopping` is set, and then once more.

    Work deals with trouble that it expects. Any other error is ours: it is logged, once of a kind,
    and harms neither the sessions nor the next turn.
    """
    logged: set[type[Exception]] = set()
    while not stopping.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), interval)
        try:
            await work()
        except Exception as error:
            if type(error) not in logged:
                log.exception("unexpected error, %s goes on", name)
            logged.add(type(error))
