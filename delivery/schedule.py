"""When to try again, and how an endpoint is doing. Pure functions: values in, values out."""

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from fastsmtp.config import Config

FAILURES_TO_PAUSE = 5
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=15)
LONGEST_RETRY_AFTER = timedelta(hours=24)
DISABLE_AFTER = timedelta(days=5)  # without a success
JITTER = 0.2


class Kind(StrEnum):
    """What an answer means for the delivery."""

    DELIVERED = "delivered"
    FAST = "failed"  # may work again in seconds: 404, 5xx, network
    SLOW = "rejected"  # somebody has to change something: other 3xx and 4xx
    REFUSED = "refused"  # 406: the receiver does not want this mail
    THROTTLED = "throttled"  # 408, 425, 429, 503: later, all of you
    GONE = "gone"  # 410: the endpoint is closed
    NOT_ALLOWED = "not_allowed"  # our address check
    ORPHANED = "orphaned"  # its recipient or domain was deleted
    BROKEN = "internal_error"  # our own fault: says nothing about the endpoint
    UNKNOWN = "unknown"  # the worker died before it knew


# These say something about the mail, not about the endpoint.
ABOUT_THE_MAIL = frozenset({400, 406, 413, 415, 422})
THROTTLING = frozenset({408, 425, 429, 503})

# n8n answers 500 to what is too large for it, other servers 400, or they hang up.
MAYBE_TOO_LARGE = frozenset({400, 500})
SUSPICIOUS_SIZE = 1024 * 1024  # bytes of a body that may be too large
OVERSIZE_FAILURES = 2  # in a row, after which links are sent instead of contents


def kind_of_status(status: int) -> Kind:
    """What an HTTP status code means."""
    if 200 <= status < 300:
        return Kind.DELIVERED
    if status in THROTTLING:
        return Kind.THROTTLED
    if status == 406:
        return Kind.REFUSED
    if status == 410:
        return Kind.GONE
    if status == 404 or status >= 500:
        return Kind.FAST
    return Kind.SLOW


def count_oversize(count: int, *, status: int | None, was_reset: bool, body_size: int) -> int:
    """How many failures in a row may be due to the size of the body; `count` is before this one.
    What was found too large stays so."""
    if count >= OVERSIZE_FAILURES or status == 413:
        return OVERSIZE_FAILURES
    is_suspicious = was_reset or status in MAYBE_TOO_LARGE
    return count + 1 if is_suspicious and body_size > SUSPICIOUS_SIZE else 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """The waits between tries: fast ones, then slow ones."""

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
        return max(tries, len(self.fast) + 1) if kind is Kind.SLOW else tries

    def wait(self, position: int) -> timedelta | None:
        """The wait after try `position` (from 1); None when the schedule is over."""
        waits = self.fast + self.slow
        return waits[position - 1] if position <= len(waits) else None

    def last_wait(self) -> timedelta:
        """How often to ask an endpoint that has not worked since: the longest wait."""
        return (self.fast + self.slow)[-1] if self.fast or self.slow else LONGEST_PAUSE


def jittered(wait: timedelta) -> timedelta:
    """±20 %, so that what failed together does not come back together."""
    return wait * random.uniform(1 - JITTER, 1 + JITTER)


class LaneState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    PROBING = "probing"
    DISABLED = "disabled"


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """The running state of an endpoint, as its lane stores it."""

    state: LaneState = LaneState.ACTIVE
    disabled_reason: str = ""
    paused_until: datetime | None = None
    consecutive_failures: int = 0
    pause_count: int = 0
    failing_since: datetime | None = None
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None

    def after_success(self, now: datetime) -> Self:
        """A success opens the lane again; not one that a person or a 410 has closed."""
        if self.state is LaneState.DISABLED:
            return replace(self, last_success_at=now)
        return type(self)(last_success_at=now, last_failure_at=self.last_failure_at)

    def after_failure(self, now: datetime, *, is_probe: bool) -> Self:
        """Five in a row pause the lane; a failed probe pauses it twice as long."""
        failed = replace(
            self,
            consecutive_failures=self.consecutive_failures + 1,
            failing_since=self.failing_since or now,
            last_failure_at=now,
        )
        if failed.state is LaneState.DISABLED:
            return failed
        if now - (failed.failing_since or now) >= DISABLE_AFTER:
            return failed.disabled(f"no success for {DISABLE_AFTER.days} days")
        is_full = failed.consecutive_failures >= FAILURES_TO_PAUSE
        if is_probe or (failed.state is LaneState.ACTIVE and is_full):
            return failed.paused(now, None)
        return failed

    def after_throttling(self, now: datetime, retry_after: timedelta | None) -> Self:
        if self.state is LaneState.DISABLED:
            return self
        if self.state is LaneState.PAUSED and retry_after is None:
            return self  # another answer to calls that were under way when it was paused
        failing = replace(self, last_failure_at=now, failing_since=self.failing_since or now)
        if now - (failing.failing_since or now) >= DISABLE_AFTER:
            return failing.disabled(f"no success for {DISABLE_AFTER.days} days")
        return failing.paused(now, retry_after)

    def after_inconclusive_probe(self, now: datetime) -> Self:
        """The probe's mail was the problem, or gone: let the next one probe at once."""
        if self.state is LaneState.PROBING:
            return replace(self, state=LaneState.PAUSED, paused_until=now)
        return self

    def paused(self, now: datetime, wait: timedelta | None) -> Self:
        """Paused for `wait`, or by the doubling pauses; never shorter than it already is."""
        doubled = min(FIRST_PAUSE * 2 ** min(self.pause_count, 10), LONGEST_PAUSE)
        wished = doubled if wait is None else min(max(wait, FIRST_PAUSE), LONGEST_RETRY_AFTER)
        until = now + wished
        # While it is probed, `paused_until` is the end of the probe's claim, and that is over.
        if self.state is LaneState.PAUSED and self.paused_until is not None:
            until = max(until, self.paused_until)
        return replace(
            self,
            state=LaneState.PAUSED,
            paused_until=until,
            pause_count=self.pause_count + (wait is None),
        )

    def disabled(self, reason: str) -> Self:
        return replace(self, state=LaneState.DISABLED, disabled_reason=reason, paused_until=None)
