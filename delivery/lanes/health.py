"""How an endpoint is doing. Pure: values in, values out."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

FAILURES_TO_PAUSE = 5
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=15)
# A receiver that fails since so little is being restarted, most likely, and shall not wait long
# once it is back: until then the pauses double only once. Pauses that go on doubling are as long as
# the outage was.
RESTART_TIME = timedelta(seconds=30)
RESTART_DOUBLINGS = 1
LONGEST_RETRY_AFTER = timedelta(hours=24)
DISABLE_AFTER = timedelta(days=5)  # without a success
# Without a failure, after which the next one is the first of a new period: there was no mail. The
# longest wait between two tries is 24 h + 20 %.
SILENCE = timedelta(days=2)


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

    def after_failure(self, now: datetime, *, is_probe: bool, tries: int) -> Self:
        """Five in a row pause the lane; a failed probe pauses it twice as long.

        Not five of one mail that failed for the `tries`-th time: it may be the mail that the
        receiver cannot digest, and others shall not wait for it.
        """
        failed = replace(self._failing(now), consecutive_failures=self.consecutive_failures + 1)
        if failed.state is LaneState.DISABLED:
            return failed
        if failed._has_failed_too_long(now):
            return failed.disabled(f"no success for {DISABLE_AFTER.days} days")
        is_full = failed.consecutive_failures >= max(FAILURES_TO_PAUSE, tries + 1)
        if is_probe or (failed.state is LaneState.ACTIVE and is_full):
            return failed.paused(now, None)
        return failed

    def after_throttling(self, now: datetime, retry_after: timedelta | None) -> Self:
        if self.state is LaneState.DISABLED:
            return self
        if self.state is LaneState.PAUSED and retry_after is None:
            return self  # another answer to calls that were under way when it was paused
        failing = self._failing(now)
        if failing._has_failed_too_long(now):
            return failing.disabled(f"no success for {DISABLE_AFTER.days} days")
        return failing.paused(now, retry_after)

    def _failing(self, now: datetime) -> Self:
        was_silent = self.last_failure_at is not None and now - self.last_failure_at > SILENCE
        since = now if was_silent else self.failing_since or now
        return replace(self, failing_since=since, last_failure_at=now)

    def _has_failed_too_long(self, now: datetime) -> bool:
        return self.failing_since is not None and now - self.failing_since >= DISABLE_AFTER

    def after_inconclusive_probe(self, now: datetime) -> Self:
        """The probe's mail was the problem, or gone: let the next one probe at once."""
        if self.state is LaneState.PROBING:
            return replace(self, state=LaneState.PAUSED, paused_until=now)
        return self

    def paused(self, now: datetime, wait: timedelta | None) -> Self:
        """By the doubling pauses, and for `wait` at least: a receiver that asks for a second each
        time is asked less and less often, too. Another answer to calls that were under way when it
        was paused may make the pause longer, and doubles nothing."""
        is_restart = now - (self.failing_since or now) < RESTART_TIME
        doublings = min(self.pause_count, RESTART_DOUBLINGS if is_restart else 10)
        doubled = min(FIRST_PAUSE * 2**doublings, LONGEST_PAUSE)
        asked_for = min(wait or FIRST_PAUSE, LONGEST_RETRY_AFTER)
        # While it is probed, `paused_until` is the end of the probe's claim, and that is over.
        if self.state is LaneState.PAUSED and self.paused_until is not None:
            return replace(self, paused_until=max(self.paused_until, now + asked_for))
        return replace(
            self,
            state=LaneState.PAUSED,
            paused_until=now + max(doubled, asked_for),
            pause_count=doublings + 1,
        )

    def enabled(self, now: datetime) -> Self:
        """To be probed at once; what it was blamed for is forgotten, or one more failure would
        disable it again."""
        if self.state is LaneState.ACTIVE:
            return self
        return type(self)(
            state=LaneState.PROBING,
            paused_until=now,
            last_success_at=self.last_success_at,
            last_failure_at=self.last_failure_at,
        )

    def disabled(self, reason: str) -> Self:
        return replace(self, state=LaneState.DISABLED, disabled_reason=reason, paused_until=None)
