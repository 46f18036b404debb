"""How an endpoint is doing: active, paused, probed, disabled."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from delivery.lanes.health import (
    DISABLE_AFTER,
    FAILURES_TO_PAUSE,
    LONGEST_PAUSE,
    LONGEST_RETRY_AFTER,
    RESTART_TIME,
    SILENCE,
    Health,
    LaneState,
)
from delivery.lanes.schedule import JITTER

NOW = datetime(2026, 1, 6, 10, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

PAUSED = Health(
    state=LaneState.PAUSED,
    paused_until=NOW + SECOND,
    consecutive_failures=5,
    pause_count=1,
    failing_since=NOW,
    last_failure_at=NOW,
)
# What a claim makes of it when the pause is over: one call until the claim runs out.
PROBING = replace(PAUSED, state=LaneState.PROBING, paused_until=NOW + 45 * SECOND)
DISABLED = Health(state=LaneState.DISABLED, disabled_reason="closed by an admin")


def _fail(health: Health, *, times: int = 1, now: datetime = NOW) -> Health:
    for _ in range(times):
        health = health.after_failure(now, is_probe=False, tries=1)
    return health


class TestFailures:
    def test_four_in_a_row_are_counted_only(self) -> None:
        assert _fail(Health(), times=FAILURES_TO_PAUSE - 1) == Health(
            consecutive_failures=4, failing_since=NOW, last_failure_at=NOW
        )

    def test_the_fifth_pauses_for_a_second(self) -> None:
        assert _fail(Health(), times=FAILURES_TO_PAUSE) == PAUSED

    def test_a_success_in_between_begins_the_count_again(self) -> None:
        health = _fail(Health(), times=4).after_success(NOW)
        assert health == Health(last_success_at=NOW, last_failure_at=NOW)
        assert _fail(health, times=4).state is LaneState.ACTIVE

    def test_failing_since_stays_at_the_first(self) -> None:
        health = _fail(_fail(Health()), now=NOW + MINUTE)
        assert (health.failing_since, health.last_failure_at) == (NOW, NOW + MINUTE)

    def test_stragglers_do_not_lengthen_the_pause(self) -> None:
        """Calls that were under way when it was paused fail too."""
        health = _fail(PAUSED, times=30, now=NOW + SECOND / 2)
        assert health.state is LaneState.PAUSED
        assert (health.paused_until, health.pause_count) == (PAUSED.paused_until, 1)
        assert health.consecutive_failures == 35

    def test_nor_do_they_end_a_probe(self) -> None:
        health = _fail(PROBING)
        assert health.state is LaneState.PROBING
        assert health.paused_until == PROBING.paused_until


class TestOneMail:
    """A mail that its receiver cannot digest fails again and again."""

    def test_alone_pauses_nothing(self) -> None:
        health = Health()
        for tries in range(1, 15):
            health = health.after_failure(NOW, is_probe=False, tries=tries)
        assert (health.state, health.consecutive_failures) == (LaneState.ACTIVE, 14)

    def test_nor_when_it_skips_the_fast_tries(self) -> None:
        health = Health()
        for tries in (1, 7, 8, 9, 10, 11):
            health = health.after_failure(NOW, is_probe=False, tries=tries)
        assert health.state is LaneState.ACTIVE

    def test_but_the_next_mail_that_fails_too_shows_that_it_is_the_endpoint(self) -> None:
        health = Health()
        for tries in (1, 2, 3, 4, 5):
            health = health.after_failure(NOW, is_probe=False, tries=tries)
        assert health.after_failure(NOW, is_probe=False, tries=1).state is LaneState.PAUSED

    def test_many_old_mails_pause_too(self) -> None:
        health = Health()
        for _ in range(9):
            health = health.after_failure(NOW, is_probe=False, tries=8)
        assert health.state is LaneState.PAUSED

    def test_its_failures_count_for_the_five_days(self) -> None:
        """With the longest waits that there are between its tries."""
        health, tries, now = Health(), 1, NOW
        while health.state is not LaneState.DISABLED:
            health = health.after_failure(now, is_probe=False, tries=tries)
            tries, now = tries + 1, now + DAY * (1 + JITTER)
        assert now - NOW < DISABLE_AFTER + 2 * DAY * (1 + JITTER)


class TestAfterAQuietWhile:
    """An old failure that no success followed, because there was no mail."""

    OLD = Health(failing_since=NOW - 7 * DAY, last_failure_at=NOW - SILENCE - SECOND)

    def test_a_failure_is_the_first_one(self) -> None:
        health = _fail(self.OLD)
        assert (health.state, health.failing_since) == (LaneState.ACTIVE, NOW)

    def test_likewise_when_throttled(self) -> None:
        health = self.OLD.after_throttling(NOW, SECOND)
        assert (health.state, health.failing_since) == (LaneState.PAUSED, NOW)

    def test_a_probe_that_fails_finds_a_receiver_that_may_be_restarting(self) -> None:
        old = replace(self.OLD, state=LaneState.PROBING, pause_count=10)
        health = old.after_failure(NOW, is_probe=True, tries=1)
        assert health.paused_until == NOW + 2 * SECOND

    def test_not_while_it_went_on_failing(self) -> None:
        health = replace(self.OLD, last_failure_at=NOW - SILENCE)
        assert _fail(health).state is LaneState.DISABLED
        assert health.after_throttling(NOW, SECOND).state is LaneState.DISABLED


class TestProbes:
    def test_success_opens_the_lane_as_if_nothing_had_been(self) -> None:
        assert PROBING.after_success(NOW + MINUTE) == Health(
            last_success_at=NOW + MINUTE, last_failure_at=NOW
        )

    def test_failure_pauses_twice_as_long(self) -> None:
        failed_at = NOW + 2 * SECOND
        health = PROBING.after_failure(failed_at, is_probe=True, tries=1)
        assert health.state is LaneState.PAUSED
        assert health.paused_until == failed_at + 2 * SECOND
        assert health.pause_count == 2

    def _pauses(self, health: Health, *, until: timedelta) -> list[float]:
        """Of a receiver that fails from NOW on, each probe as soon as it may be."""
        pauses: list[float] = []
        now = NOW
        while now < NOW + until:
            assert health.paused_until is not None
            pauses.append((health.paused_until - now).total_seconds())
            now = health.paused_until
            probing = replace(health, state=LaneState.PROBING, paused_until=now + 45 * SECOND)
            health = probing.after_failure(now, is_probe=True, tries=1)
        return pauses

    def test_pauses_double_up_to_a_quarter_of_an_hour(self) -> None:
        """Held at two seconds while the receiver may just be restarting."""
        pauses = self._pauses(PAUSED, until=120 * MINUTE)
        restarting = [1.0, *[2.0] * 15]
        assert sum(restarting[:-1]) < RESTART_TIME.total_seconds() <= sum(restarting)
        later = pauses[len(restarting) :]
        assert pauses[: len(restarting)] == restarting
        assert later[:9] == [4, 8, 16, 32, 64, 128, 256, 512, 900]
        assert set(later[8:]) == {LONGEST_PAUSE.total_seconds()}

    def test_an_inconclusive_one_lets_the_next_probe_at_once(self) -> None:
        health = PROBING.after_inconclusive_probe(NOW + SECOND)
        assert health == replace(PROBING, state=LaneState.PAUSED, paused_until=NOW + SECOND)

    @pytest.mark.parametrize("health", [Health(), PAUSED, DISABLED])
    def test_an_inconclusive_call_says_nothing_elsewhere(self, health: Health) -> None:
        assert health.after_inconclusive_probe(NOW) == health


class TestThrottling:
    def test_retry_after_is_obeyed(self) -> None:
        assert Health().after_throttling(NOW, 30 * SECOND) == Health(
            state=LaneState.PAUSED,
            paused_until=NOW + 30 * SECOND,
            pause_count=1,
            failing_since=NOW,
            last_failure_at=NOW,
        )

    def test_it_is_never_shorter_than_the_first_pause(self) -> None:
        """`Retry-After: 0` must not make us call as fast as the receiver answers."""
        assert Health().after_throttling(NOW, 0 * SECOND).paused_until == NOW + SECOND

    def test_but_for_a_day_at_most(self) -> None:
        health = Health().after_throttling(NOW, 10**9 * SECOND)
        assert health.paused_until == NOW + LONGEST_RETRY_AFTER == NOW + DAY

    def test_without_it_the_pauses_double(self) -> None:
        health = Health().after_throttling(NOW, None)
        assert (health.paused_until, health.pause_count) == (NOW + SECOND, 1)
        probing = replace(health, state=LaneState.PROBING, paused_until=NOW + 45 * SECOND)
        again = probing.after_throttling(NOW + SECOND, None)
        assert (again.paused_until, again.pause_count) == (NOW + 3 * SECOND, 2)

    def test_it_does_not_count_towards_a_pause_for_failures(self) -> None:
        assert Health().after_throttling(NOW, SECOND).consecutive_failures == 0

    def test_five_days_of_it_disable(self) -> None:
        health = Health(failing_since=NOW - 5 * DAY).after_throttling(NOW, SECOND)
        assert health.state is LaneState.DISABLED

    def test_stragglers_do_not_lengthen_the_pause(self) -> None:
        assert PAUSED.after_throttling(NOW, None) == PAUSED

    def test_the_later_of_two_is_obeyed(self) -> None:
        first = Health().after_throttling(NOW, 30 * SECOND)
        for wait, seconds in ((10, 30), (60, 60)):
            until = first.after_throttling(NOW, wait * SECOND).paused_until
            assert until == NOW + seconds * SECOND

    def test_who_asks_for_a_second_each_time_is_asked_less_and_less_often(self) -> None:
        health, now, waits = Health(), NOW, []
        for _ in range(30):
            health = health.after_throttling(now, SECOND)
            assert health.paused_until
            waits.append((health.paused_until - now) / SECOND)
            now = health.paused_until
            health = replace(health, state=LaneState.PROBING)
        assert waits[:2] == [1, 2]
        assert waits == sorted(waits)
        assert waits[-1] == LONGEST_PAUSE / SECOND

    def test_answers_to_calls_that_were_under_way_double_nothing(self) -> None:
        health = Health()
        for _ in range(32):
            health = health.after_throttling(NOW, SECOND)
        assert (health.paused_until, health.pause_count) == (NOW + SECOND, 1)

    def test_a_probe_that_is_throttled_waits_as_it_was_told(self) -> None:
        health = PROBING.after_throttling(NOW, 10 * SECOND)
        assert (health.state, health.paused_until) == (LaneState.PAUSED, NOW + 10 * SECOND)


class TestDisabling:
    def test_gone(self) -> None:
        health = PAUSED.disabled("the receiver answered 410")
        assert health.state is LaneState.DISABLED
        assert health.disabled_reason == "the receiver answered 410"
        assert health.paused_until is None

    def test_five_days_without_a_success(self) -> None:
        probing = replace(PROBING, last_failure_at=NOW + DISABLE_AFTER - DAY)
        almost = probing.after_failure(NOW + DISABLE_AFTER - SECOND, is_probe=True, tries=1)
        assert almost.state is LaneState.PAUSED
        health = probing.after_failure(NOW + DISABLE_AFTER, is_probe=True, tries=1)
        assert health.state is LaneState.DISABLED
        assert health.disabled_reason == "no success for 5 days"

    def test_a_quiet_endpoint_is_not_disabled_by_its_first_failure(self) -> None:
        health = Health(last_success_at=NOW - 30 * DAY)
        assert _fail(health).state is LaneState.ACTIVE

    def test_nothing_but_a_person_opens_it_again(self) -> None:
        assert DISABLED.after_success(NOW) == replace(DISABLED, last_success_at=NOW)
        assert _fail(DISABLED, times=9).state is LaneState.DISABLED
        assert DISABLED.after_failure(NOW, is_probe=True, tries=1).state is LaneState.DISABLED
        assert DISABLED.after_throttling(NOW, SECOND) == DISABLED
        assert _fail(DISABLED).disabled_reason == DISABLED.disabled_reason


def test_a_straggler_that_succeeds_ends_a_pause() -> None:
    assert PAUSED.after_success(NOW).state is LaneState.ACTIVE
