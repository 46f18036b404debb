"""When to try again. Pure: values in, values out."""

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from delivery.lanes.answers import Kind
from fastsmtp.config import Config

JITTER = 0.2
FIRST_ARCHIVE_WAIT = timedelta(seconds=1)
LONGEST_ARCHIVE_WAIT = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The waits between tries: fast ones, then slow ones. Without slow ones every failure is tried
    fast, and given up after the last wait whatever else the endpoint does."""

    fast: tuple[timedelta, ...]
    slow: tuple[timedelta, ...]

    @classmethod
    def from_config(cls, config: Config) -> Self:
        base = timedelta(seconds=config.webhook_retry_base_delay)
        return cls(
            fast=tuple(base * 2**n for n in range(config.webhook_max_retries)),
            slow=tuple(config.webhook_retry_schedule),
        )

    def position(self, kind: Kind, tries: int) -> int:
        """Where a delivery stands after `tries` calls: a slow failure skips the fast waits."""
        return max(tries, len(self.fast) + 1) if kind is Kind.SLOW and self.slow else tries

    def wait(self, position: int) -> timedelta | None:
        """The wait after try `position` (from 1); None when the schedule is over."""
        waits = self.fast + self.slow
        return waits[position - 1] if position <= len(waits) else None


def archive_wait(tries: int) -> timedelta:
    """How long until a message is tried to be archived again after so many tries; for ever."""
    return min(FIRST_ARCHIVE_WAIT * 2 ** min(tries, 10), LONGEST_ARCHIVE_WAIT)


def jittered(wait: timedelta) -> timedelta:
    """±20 %, so that what failed together does not come back together."""
    return wait * random.uniform(1 - JITTER, 1 + JITTER)
