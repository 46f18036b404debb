"""The memory of the resolver: outcomes with a time to live, the least recently used go first."""

import time
from collections import OrderedDict
from collections.abc import Callable

from fastsmtp.dns.answers import Answer, Outcome, Question

# An entry's own objects: key, tuple, dataclass.
_OVERHEAD = 500


class Cache:
    """Bounded by octets rather than entries, because one TXT answer may have 64 KiB.

    `clock` counts seconds and never goes back.
    """

    def __init__(self, *, max_octets: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_octets = max_octets
        self._clock = clock
        self._octets = 0
        self._entries: OrderedDict[Question, tuple[float, int, Outcome]] = OrderedDict()

    def get(self, question: Question) -> Outcome | None:
        entry = self._entries.get(question)
        if entry is None:
            return None
        expires_at, _, outcome = entry
        if self._clock() >= expires_at:
            self._drop(question)
            return None
        self._entries.move_to_end(question)
        return outcome

    def put(self, question: Question, outcome: Outcome, *, ttl: float) -> None:
        """Keeps `outcome` for `ttl` seconds, unless others need the room earlier."""
        self._drop(question)
        octets = measure(outcome)
        self._entries[question] = (self._clock() + ttl, octets, outcome)
        self._octets += octets
        while self._octets > self._max_octets:
            self._drop(next(iter(self._entries)))

    def _drop(self, question: Question) -> None:
        entry = self._entries.pop(question, None)
        if entry is not None:
            self._octets -= entry[1]


def measure(outcome: Outcome) -> int:
    """The octets that keeping `outcome` takes, about."""
    if not isinstance(outcome, Answer):
        return _OVERHEAD
    # Text and tuples are short; only the octets of TXT are not.
    return _OVERHEAD + sum(
        len(record) if isinstance(record, bytes) else 100 for record in outcome.records
    )
