"""How many calls an endpoint gets at once, and how many deliveries are claimed for it."""

import pytest

from delivery.courier.lane_run import FIRST_SLOTS, MAX_CLAIM, MAX_SLOTS, LaneRun
from delivery.lanes.answers import Kind
from delivery.tests.plain_jobs import make_job

SLOW_ANSWER = 5.0  # seconds
FAST_ANSWER = 0.001


class TestSlots:
    def test_an_unknown_endpoint_gets_two_calls(self) -> None:
        assert LaneRun().room == FIRST_SLOTS == 2

    def test_every_success_adds_one_up_to_a_limit(self) -> None:
        lane = LaneRun()
        seen = []
        for _ in range(MAX_SLOTS):
            assert not lane.learn(Kind.DELIVERED, SLOW_ANSWER)
            seen.append(lane.room)
        assert seen == [*range(FIRST_SLOTS + 1, MAX_SLOTS + 1), MAX_SLOTS, MAX_SLOTS]

    def test_the_limit_of_the_endpoint_counts(self) -> None:
        lane = LaneRun(most_slots=3)
        for _ in range(5):
            lane.learn(Kind.DELIVERED, SLOW_ANSWER)
        assert lane.room == 3

    @pytest.mark.parametrize("kind", [Kind.FAST, Kind.SLOW, Kind.THROTTLED, Kind.GONE])
    def test_a_failure_halves_and_what_was_claimed_ahead_goes_back(self, kind: Kind) -> None:
        lane = LaneRun(slots=9)
        seen = []
        for _ in range(4):
            assert lane.learn(kind, FAST_ANSWER)
            seen.append(lane.room)
        assert seen == [4, 2, 1, 1]

    @pytest.mark.parametrize("kind", [Kind.REFUSED, Kind.NOT_ALLOWED, Kind.ORPHANED, Kind.BROKEN])
    def test_what_is_not_the_endpoints_fault_changes_nothing(self, kind: Kind) -> None:
        lane = LaneRun(slots=9)
        assert not lane.learn(kind, FAST_ANSWER)
        assert lane.room == 9

    def test_calls_under_way_and_jobs_claimed_take_room(self) -> None:
        lane = LaneRun(slots=8, in_flight=3)
        lane.ready.append(make_job())
        assert lane.room == 4
        assert not lane.is_idle

    def test_only_a_fast_endpoint_has_mail_claimed_ahead(self) -> None:
        fast, slow = LaneRun(), LaneRun()
        for _ in range(30):
            fast.learn(Kind.DELIVERED, FAST_ANSWER)
            slow.learn(Kind.DELIVERED, SLOW_ANSWER)
        assert slow.room == MAX_SLOTS
        assert MAX_SLOTS < fast.room <= MAX_SLOTS + MAX_CLAIM


class TestAppetite:
    def test_who_always_has_more_gets_more(self) -> None:
        lane = LaneRun()
        seen = []
        for _ in range(8):
            lane.taste(wished=lane.appetite, got=lane.appetite)
            seen.append(lane.appetite)
        assert seen == [4, 8, 16, 32, 64, MAX_CLAIM, MAX_CLAIM, MAX_CLAIM]

    @pytest.mark.parametrize(("got", "then"), [(0, FIRST_SLOTS), (1, FIRST_SLOTS), (9, 9)])
    def test_who_had_less_wishes_for_that(self, got: int, then: int) -> None:
        lane = LaneRun(appetite=64)
        lane.taste(wished=64, got=got)
        assert lane.appetite == then
