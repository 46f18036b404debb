"""Claims that take long are told in the log, with what most often makes them slow."""

import logging
import time
import uuid
from collections.abc import Mapping
from datetime import timedelta

from django.db import DatabaseError

from delivery.courier import claims
from delivery.courier.claims import Claimed
from fastsmtp.old_snapshots import oldest_transaction_seconds

log = logging.getLogger(__name__)

SLOW = 0.5  # seconds of one claim; the largest takes a fifth of a second on a slow machine
QUIET = 60.0  # seconds between two warnings


class ClaimWatch:
    """Only in one thread."""

    def __init__(self, *, slow: float = SLOW) -> None:
        self._slow = slow
        self._quiet_until = 0.0

    def claim(
        self, slots: Mapping[uuid.UUID, int], *, timeout: timedelta, takes_lost: bool = True
    ) -> Claimed:
        """As `claims.claim`."""
        begun_at = time.monotonic()
        claimed = claims.claim(slots, timeout=timeout, takes_lost=takes_lost)
        ended_at = time.monotonic()
        if ended_at - begun_at >= self._slow and ended_at >= self._quiet_until:
            self._quiet_until = ended_at + QUIET
            _warn(ended_at - begun_at, len(claimed.jobs))
        return claimed


def _warn(seconds: float, count: int) -> None:
    """The claim is committed: whatever goes wrong here must not lose it."""
    try:
        age = oldest_transaction_seconds()
    except DatabaseError:
        age = None
    log.warning(
        "a claim of %d deliveries took %.1f s%s",
        count,
        seconds,
        "" if age is None else f"; the oldest transaction of the database is {age:.0f} s old",
    )
