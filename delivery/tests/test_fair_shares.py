"""Which lanes a courier claims for next, and how many calls each endpoint gets at once."""

from uuid import UUID

import pytest

from delivery.hunger import FIRST_SLOTS, MAX_CLAIM, MAX_SLOTS, Hunger, LaneRun
from delivery.schedule import Kind
from delivery.tests.plain_jobs import make_job

A, B, C = (UUID(int=number) for number in (1, 2, 3))
SLOW_ANSWER = 5.0  # seconds
FAST_ANSWER = 0.001


@pytest.fixture
def hunger() -> Hunger:
    return Hunger()


class TestSlowStart:
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


class TestShares:
    def test_a_lane_that_nobody_woke_gets_nothing(self, hunger: Hunger) -> None:
        hunger.lane(A)
        assert hunger.to_claim(100) == {}

    def test_each_gets_what_it_has_room_for(self, hunger: Hunger) -> None:
        hunger.lane(B).slots = 5
        for endpoint_id in (A, B):
            hunger.wake(endpoint_id)
        assert hunger.to_claim(100) == {A: FIRST_SLOTS, B: 5}

    def test_none_gets_more_than_its_share(self, hunger: Hunger) -> None:
        for endpoint_id in (A, B, C):
            hunger.lane(endpoint_id).slots = MAX_SLOTS
            hunger.wake(endpoint_id)
        assert hunger.to_claim(30) == {A: 10, B: 10, C: 10}

    @pytest.mark.parametrize("available", [0, -3])
    def test_with_no_calls_left_nothing_is_claimed(self, hunger: Hunger, available: int) -> None:
        hunger.wake(A)
        assert hunger.to_claim(available) == {}

    def test_who_was_served_goes_last(self, hunger: Hunger) -> None:
        for endpoint_id in (A, B, C):
            hunger.wake(endpoint_id)
        assert [list(hunger.to_claim(2)) for _ in range(3)] == [[A, B], [C, A], [B, C]]

    def test_a_full_lane_is_passed_over(self, hunger: Hunger) -> None:
        for endpoint_id in (A, B):
            hunger.wake(endpoint_id)
        hunger.lane(A).in_flight = FIRST_SLOTS
        assert hunger.to_claim(100) == {B: FIRST_SLOTS}


class TestSatisfaction:
    def test_a_satisfied_lane_is_not_asked_again(self, hunger: Hunger) -> None:
        hunger.wake(A)
        hunger.satisfy(A, hunger.wakes([A])[A])
        assert hunger.to_claim(100) == {}

    def test_unless_it_was_woken_while_the_claim_was_running(self, hunger: Hunger) -> None:
        hunger.wake(A)
        wakes = hunger.wakes([A])[A]
        hunger.wake(A)
        hunger.satisfy(A, wakes)
        assert list(hunger.to_claim(100)) == [A]

    def test_a_lane_woken_again_is_not_forgotten(self, hunger: Hunger) -> None:
        for endpoint_id in (A, B):
            hunger.lane(endpoint_id).slots = 7
        assert set(hunger.idle()) == {A, B}
        hunger.wake(A)
        hunger.forget([A, B])
        assert hunger.lane(A).slots == 7
        assert hunger.lane(B).slots == FIRST_SLOTS

    def test_what_is_under_way_is_not_idle(self, hunger: Hunger) -> None:
        hunger.lane(A).in_flight = 1
        hunger.lane(B).ready.append(make_job())
        assert hunger.idle() == []
        hunger.forget([A, B])
        assert hunger.lane(A).in_flight == 1

    def test_what_was_claimed_ahead_is_taken_back_as_a_whole(self, hunger: Hunger) -> None:
        jobs = [make_job(), make_job()]
        for endpoint_id, job in zip((A, B), jobs, strict=True):
            hunger.lane(endpoint_id).ready.append(job)
        assert hunger.take_ready() == jobs
        assert hunger.take_ready() == []
