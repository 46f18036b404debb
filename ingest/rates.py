"""How much a client may do in a minute, decided at once from what this process knows.

What other processes have counted is learnt now and then (`ingest.shared_rates`) and then counts
like our own.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from ingest.limits import network_of

WINDOW = 60.0  # seconds
MAX_CLIENTS = 100_000  # remembered at once; about 25 MB


@dataclass(slots=True)
class Count:
    """Of one client, in a window and in the one before it: our own, and that of the others."""

    window: int  # its number since the epoch
    own: int = 0
    own_before: int = 0
    others: int = 0
    others_before: int = 0

    def advance(self, window: int) -> None:
        if window == self.window:
            return
        is_next = window == self.window + 1
        self.own_before, self.others_before = (self.own, self.others) if is_next else (0, 0)
        self.window, self.own, self.others = window, 0, 0

    def estimate(self, elapsed: float) -> float:
        """How many there were in the minute that ends now; `elapsed` is the part of the window
        that is over."""
        before = self.own_before + self.others_before
        return self.own + self.others + before * (1 - elapsed)


@dataclass(frozen=True, slots=True)
class Report:
    """What this process has counted of one client, for the others to know."""

    client: str
    window: int
    own: int
    own_before: int


class Rate:
    """A sliding window, estimated from two fixed ones: what the last one held counts by the part
    of it that still lies within a minute. What was refused does not count.

    `clock` gives seconds since the epoch: windows begin for all processes at the same time.
    """

    def __init__(
        self,
        most: int,
        *,
        max_clients: int = MAX_CLIENTS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._most = most
        self._max_clients = max_clients
        self._clock = clock
        self._counts: OrderedDict[str, Count] = OrderedDict()  # in the order of the last admission
        self._unreported: dict[str, None] = {}  # clients, in the order of their admission

    def admits(self, address: str) -> bool:
        """Counts one more of this client, or refuses it."""
        client = network_of(address)
        number, elapsed = divmod(self._clock(), WINDOW)
        count = self._counts.get(client) or Count(int(number))
        count.advance(int(number))
        if count.estimate(elapsed / WINDOW) >= self._most:
            return False
        count.own += 1
        self._counts[client] = count
        self._counts.move_to_end(client)
        self._unreported[client] = None
        if len(self._counts) > self._max_clients:
            forgotten, _ = self._counts.popitem(last=False)
            self._unreported.pop(forgotten, None)
        return True

    def reports(self, most: int) -> list[Report]:
        """Of clients that were admitted since the others last heard of them; at most so many."""
        return [
            Report(client, count.window, count.own, count.own_before)
            for client in islice(self._unreported, most)
            for count in [self._counts[client]]
        ]

    def learn(self, report: Report, *, others: int, others_before: int) -> None:
        """The answer to a report: what the others have counted of the same windows."""
        count = self._counts.get(report.client)
        if count is None:
            return
        if count.window == report.window:
            count.others, count.others_before = others, others_before
        elif count.window == report.window + 1:
            count.others_before = others
        del self._unreported[report.client]
        if (count.window, count.own) != (report.window, report.own):
            self._unreported[report.client] = None  # behind those that have waited longer
