"""Fast tries, then slow ones, then no more."""

from datetime import timedelta

import pytest

from delivery.lanes.answers import Kind
from delivery.lanes.schedule import JITTER, Schedule, jittered
from fastsmtp.config import config

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

FAST = tuple(SECOND * seconds for seconds in (1, 2, 4, 8, 16))
SLOW = (5 * MINUTE, 30 * MINUTE, *(HOUR * hours for hours in (2, 5, 10, 14, 20, 24)))
SCHEDULE = Schedule(fast=FAST, slow=SLOW)


def _waits(schedule: Schedule, kind: Kind) -> list[timedelta | None]:
    """What a delivery waits that always fails the same way, until it is given up."""
    waits: list[timedelta | None] = []
    tries = 0
    while not waits or waits[-1] is not None:
        tries = schedule.position(kind, tries + 1)
        waits.append(schedule.wait(tries))
    return waits


def test_the_default_schedule() -> None:
    assert Schedule.from_config(config()) == SCHEDULE
    assert timedelta(hours=75.5) < sum(SLOW, timedelta()) < timedelta(hours=75.7)


def test_a_failure_that_may_pass_is_tried_fast_then_slowly() -> None:
    assert _waits(SCHEDULE, Kind.FAST) == [*FAST, *SLOW, None]


def test_a_failure_that_somebody_must_mend_is_tried_slowly_at_once() -> None:
    assert _waits(SCHEDULE, Kind.SLOW) == [*SLOW, None]


@pytest.mark.parametrize("kind", [Kind.BROKEN, Kind.UNKNOWN])
def test_other_failures_are_tried_fast(kind: Kind) -> None:
    assert _waits(SCHEDULE, kind) == [*FAST, *SLOW, None]


def test_a_slow_failure_after_fast_ones_goes_to_the_first_slow_wait() -> None:
    for tries in range(1, len(FAST) + 2):
        assert SCHEDULE.wait(SCHEDULE.position(Kind.SLOW, tries)) == SLOW[0]
    assert SCHEDULE.wait(SCHEDULE.position(Kind.SLOW, len(FAST) + 2)) == SLOW[1]


def test_a_fast_failure_among_slow_ones_does_not_begin_again() -> None:
    tries = SCHEDULE.position(Kind.SLOW, 1)
    assert SCHEDULE.wait(SCHEDULE.position(Kind.FAST, tries + 1)) == SLOW[1]


@pytest.mark.parametrize("kind", [Kind.FAST, Kind.SLOW])
def test_without_any_waits_there_is_one_try(kind: Kind) -> None:
    assert _waits(Schedule(fast=(), slow=()), kind) == [None]


def test_without_slow_waits() -> None:
    """An empty `FASTSMTP_WEBHOOK_RETRY_SCHEDULE`: all failures alike are tried fast."""
    schedule = Schedule(fast=FAST, slow=())
    assert _waits(schedule, Kind.FAST) == _waits(schedule, Kind.SLOW) == [*FAST, None]


def test_without_fast_waits() -> None:
    schedule = Schedule(fast=(), slow=SLOW)
    assert _waits(schedule, Kind.FAST) == _waits(schedule, Kind.SLOW) == [*SLOW, None]


def test_configured_waits() -> None:
    changed = config().model_copy(
        update={
            "webhook_max_retries": 3,
            "webhook_retry_base_delay": 0.5,
            "webhook_retry_schedule": [MINUTE],
        }
    )
    assert Schedule.from_config(changed) == Schedule(
        fast=(SECOND / 2, SECOND, 2 * SECOND), slow=(MINUTE,)
    )


def test_jitter_stays_within_a_fifth_and_spreads() -> None:
    assert JITTER == 0.2
    waits = [jittered(100 * SECOND) for _ in range(1000)]
    assert 80 * SECOND <= min(waits) < 85 * SECOND
    assert 115 * SECOND < max(waits) <= 120 * SECOND
