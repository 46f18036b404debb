"""How many questions are on their way at once, and that one dead zone does not hold all places."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

# Below a country these are the registry's, and the owner is one label further down (co.uk).
_OF_REGISTRIES = re.compile("ac|co|com|edu|go|gob|gov|gr|ltd|me|ne|net|nom|or|org")
# An IPv4 /16 and an IPv6 /32, which is what providers have.
_REVERSE = {"in-addr.arpa": 4, "ip6.arpa": 10}


class Places:
    """`most` in all, and `most_per_zone` below one name that somebody owns."""

    def __init__(self, *, most: int, most_per_zone: int) -> None:
        self._all = asyncio.Semaphore(most)
        self._most_per_zone = most_per_zone
        # Those that hold a place or wait for one keep their zone alive; it is gone with the last.
        self._zones: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def take(
        self,
        name: str,
        *,
        timeout: float,  # noqa: ASYNC109
    ) -> AsyncIterator[None]:
        """A place for a question about `name`; raises TimeoutError if `timeout` seconds bring
        none. Who waits for the zone holds none of the places that are everybody's."""
        zone = self._zones.setdefault(zone_of(name), asyncio.Semaphore(self._most_per_zone))
        async with AsyncExitStack() as held:
            async with asyncio.timeout(timeout):
                await held.enter_async_context(zone)
                await held.enter_async_context(self._all)
            yield


def zone_of(name: str) -> str:
    """Whose name servers have to answer: the last two labels, three below a registry's label.

    That is a guess instead of the list of public suffixes. Below a suffix that it does not know
    (github.io) neighbours share their places: a dead name there delays them, and nobody else.
    """
    labels = name.split(".")
    count = _REVERSE.get(".".join(labels[-2:]), 2)
    if len(labels) > 2 and len(labels[-1]) == 2 and _OF_REGISTRIES.fullmatch(labels[-2]):
        count = 3
    return ".".join(labels[-count:])
