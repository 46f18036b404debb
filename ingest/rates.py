"""How much a client may do in a minute."""

import time
from collections import OrderedDict
from collections.abc import Callable

from ingest.limits import network_of

WINDOW = 60.0  # seconds
MAX_CLIENTS = 100_000  # remembered at once; about 20 MB


class Rate:
    """A sliding window, estimated from two fixed ones: what the last one held counts by the part
    of it that still lies within a minute. What was refused does not count.

    Known to this process alone. `admits` is a coroutine for the sake of a count that is shared.
    """

    def __init__(
        self,
        most: int,
        *,
        max_clients: int = MAX_CLIENTS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = most
        self._max_clients = max_clients
        self._clock = clock
        # By network: the window's number, its count, and that of the window before it. In the
        # order of the last admission.
        self._counts: OrderedDict[str, tuple[int, int, int]] = OrderedDict()

    async def admits(self, address: str) -> bool:
        """Counts one more of this client, or refuses it."""
        client = network_of(address)
        number, elapsed = divmod(self._clock(), WINDOW)
        window, count, before = self._counts.get(client, (int(number), 0, 0))
        if window != number:
            count, before = 0, count if window == number - 1 else 0
        if count + before * (1 - elapsed / WINDOW) >= self._most:
            return False
        self._counts[client] = (int(number), count + 1, before)
        self._counts.move_to_end(client)
        if len(self._counts) > self._max_clients:
            self._counts.popitem(last=False)
        return True
