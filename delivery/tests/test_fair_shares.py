"""Which lanes a courier claims for next: fair between tenants, then between their lanes."""

from collections import Counter
from uuid import UUID

import pytest

from delivery.courier.hunger import LANE_PART, TENANT_PART, Hunger
from delivery.courier.lane_run import FIRST_SLOTS, MAX_CLAIM, MAX_SLOTS
from delivery.courier.tenant import fair_shares
from delivery.jobs import WEIGHT, Job
from delivery.models.message import SMALL
from delivery.tests.plain_jobs import make_job

A, B, C = (UUID(int=number) for number in (1, 2, 3))
PLENTY = 100_000


@pytest.fixture
def hunger() -> Hunger:
    return Hunger()


def job_of(endpoint_id: UUID, domain: str = "a.example", raw: bytes = b"") -> Job:
    target = {"domain_name": domain, "concurrency": MAX_SLOTS}
    return make_job(target=target, endpoint_id=endpoint_id, raw=raw)


def introduce(hunger: Hunger, endpoint_id: UUID, domain: str) -> None:
    """The courier has had a delivery of this lane."""
    job = job_of(endpoint_id, domain)
    hunger.hold(job)
    call(hunger, endpoint_id)
    hunger.end(job)


def call(hunger: Hunger, endpoint_id: UUID) -> None:
    hunger.start(hunger.lane(endpoint_id))


def make_busy(hunger: Hunger, endpoint_id: UUID) -> None:
    """It answers slowly, has always more, and may have all calls."""
    lane = hunger.lane(endpoint_id)
    lane.slots, lane.appetite, lane.usual_duration = MAX_SLOTS, MAX_CLAIM, 10.0
    hunger.wake(endpoint_id)


def hang(hunger: Hunger, lanes: dict[UUID, str], room: int) -> None:
    """Endpoints that always have more and never answer, until they get nothing more."""
    for endpoint_id, domain in lanes.items():
        introduce(hunger, endpoint_id, domain)
        make_busy(hunger, endpoint_id)
    while slots := hunger.to_claim(room - hunger.held):
        for endpoint_id, count in slots.items():
            for _ in range(count):
                hunger.hold(job_of(endpoint_id, lanes[endpoint_id]))
                call(hunger, endpoint_id)


class TestFairShares:
    @pytest.mark.parametrize(
        ("wishes", "budget", "shares"),
        [
            ([], 10, []),
            ([3], 10, [3]),
            ([30], 10, [10]),
            ([5, 5], 10, [5, 5]),
            ([9, 9], 10, [5, 5]),
            ([1, 90, 2, 90], 99, [1, 48, 2, 48]),
            ([90, 90, 90], 3, [1, 1, 1]),
        ],
    )
    def test_who_wants_little_gets_it(
        self, wishes: list[int], budget: int, shares: list[int]
    ) -> None:
        assert fair_shares(wishes, budget) == shares


class TestLanes:
    def test_a_lane_that_nobody_woke_gets_nothing(self, hunger: Hunger) -> None:
        hunger.lane(A)
        assert hunger.to_claim(PLENTY) == {}

    def test_each_gets_what_it_has_room_for(self, hunger: Hunger) -> None:
        for endpoint_id in (A, B):
            make_busy(hunger, endpoint_id)
        hunger.lane(A).slots = 5
        assert hunger.to_claim(PLENTY) == {A: 5, B: MAX_SLOTS}

    def test_a_lane_that_had_little_gets_little_and_leaves_the_rest(self, hunger: Hunger) -> None:
        for endpoint_id in (A, B):
            make_busy(hunger, endpoint_id)
        hunger.lane(A).taste(wished=30, got=3)
        assert hunger.to_claim(30) == {A: 3, B: 3}  # an eighth of what is free
        assert hunger.to_claim(PLENTY) == {A: 3, B: MAX_SLOTS}

    def test_none_gets_more_than_its_share(self, hunger: Hunger) -> None:
        lanes = [UUID(int=number) for number in range(100, 110)]
        for endpoint_id in lanes:
            make_busy(hunger, endpoint_id)
        assert hunger.to_claim(PLENTY) == dict.fromkeys(lanes, 12) | dict.fromkeys(lanes[2:], 13)

    @pytest.mark.parametrize("free", [0, -3])
    def test_with_no_room_left_nothing_is_claimed(self, hunger: Hunger, free: int) -> None:
        hunger.wake(A)
        assert hunger.to_claim(free) == {}

    def test_who_was_served_goes_last(self, hunger: Hunger) -> None:
        for endpoint_id in (A, B, C):
            hunger.wake(endpoint_id)
        assert [list(hunger.to_claim(4)) for _ in range(3)] == [[A, B], [C, A], [B, C]]

    def test_a_full_lane_is_passed_over_until_a_call_ends(self, hunger: Hunger) -> None:
        for endpoint_id in (A, B):
            hunger.wake(endpoint_id)
        jobs = [job_of(A, "") for _ in range(FIRST_SLOTS)]
        for job in jobs:
            hunger.hold(job)
            call(hunger, A)
        assert hunger.to_claim(PLENTY) == {B: FIRST_SLOTS}
        assert hunger.to_claim(PLENTY) == {B: FIRST_SLOTS}
        hunger.end(jobs[0])
        assert hunger.to_claim(PLENTY) == {B: FIRST_SLOTS, A: 1}


class TestTenants:
    def test_a_tenant_with_many_endpoints_gets_no_more_than_one_with_few(
        self, hunger: Hunger
    ) -> None:
        lanes = {UUID(int=number): "many.example" for number in range(100, 200)}
        lanes[A] = "one.example"
        for endpoint_id, domain in lanes.items():
            introduce(hunger, endpoint_id, domain)
            make_busy(hunger, endpoint_id)
        hunger.lane(A).slots = hunger.lane(A).most_slots = 100
        granted = Counter[str]()
        for _ in range(10):
            for endpoint_id, count in hunger.to_claim(PLENTY).items():
                granted[lanes[endpoint_id]] += count
        assert granted == {"many.example": 640, "one.example": 640}

    def test_every_lane_of_a_tenant_has_its_turn(self, hunger: Hunger) -> None:
        lanes = [UUID(int=number) for number in range(100, 200)]
        for endpoint_id in lanes:
            introduce(hunger, endpoint_id, "many.example")
            make_busy(hunger, endpoint_id)
        seen = [endpoint_id for _ in range(10) for endpoint_id in hunger.to_claim(20)]
        assert sorted(seen) == lanes

    def test_lanes_of_unknown_tenants_have_one_share_together(self, hunger: Hunger) -> None:
        introduce(hunger, A, "known.example")
        make_busy(hunger, A)
        hunger.lane(A).slots = hunger.lane(A).most_slots = 100
        for number in range(100, 200):
            make_busy(hunger, UUID(int=number))
        granted = hunger.to_claim(PLENTY)
        assert granted.pop(A) == sum(granted.values()) == MAX_CLAIM // 2

    def test_what_is_known_of_a_lane_outlives_it(self, hunger: Hunger) -> None:
        introduce(hunger, A, "a.example")
        hunger.forget([A])
        assert hunger.lane(A).domain == "a.example"


class TestWhileOthersHang:
    ROOM = 2048

    def test_some_room_is_always_left(self, hunger: Hunger) -> None:
        hang(hunger, {UUID(int=n): f"{n}.example" for n in range(100, 1100)}, self.ROOM)
        make_busy(hunger, A)
        assert hunger.to_claim(self.ROOM - hunger.held)[A] >= 1

    def test_one_tenant_fills_less_than_half(self, hunger: Hunger) -> None:
        hang(hunger, {UUID(int=n): "one.example" for n in range(100, 1100)}, self.ROOM)
        assert hunger.held < self.ROOM / TENANT_PART
        make_busy(hunger, A)
        assert hunger.to_claim(self.ROOM - hunger.held) == {A: MAX_SLOTS}

    def test_the_fewer_hang_the_more_each_may_have(self, hunger: Hunger) -> None:
        lanes = {UUID(int=n): f"{n}.example" for n in range(100, 110)}
        hang(hunger, lanes, self.ROOM)
        assert {hunger.lane(id).in_flight for id in lanes} == {MAX_SLOTS}
        assert self.ROOM // LANE_PART > MAX_SLOTS

    def test_a_lane_that_had_to_wait_goes_on_when_a_call_ends(self, hunger: Hunger) -> None:
        hang(hunger, {UUID(int=n): "one.example" for n in range(100, 200)}, self.ROOM)
        assert hunger.to_claim(self.ROOM - hunger.held) == {}
        for number in range(100, 200):
            hunger.end(job_of(UUID(int=number), "one.example"))
        assert sum(hunger.to_claim(self.ROOM - hunger.held).values()) > 0

    def test_larger_messages_take_more_room(self, hunger: Hunger) -> None:
        hunger.hold(job_of(A, raw=bytes(SMALL)))
        assert hunger.held == 1 + SMALL // WEIGHT


class TestSatisfaction:
    def test_a_satisfied_lane_is_not_asked_again(self, hunger: Hunger) -> None:
        hunger.wake(A)
        hunger.satisfy(A, hunger.wakes([A])[A])
        assert hunger.to_claim(PLENTY) == {}

    def test_unless_it_was_woken_while_the_claim_was_running(self, hunger: Hunger) -> None:
        hunger.wake(A)
        wakes = hunger.wakes([A])[A]
        hunger.wake(A)
        hunger.satisfy(A, wakes)
        assert list(hunger.to_claim(PLENTY)) == [A]

    def test_a_lane_woken_again_is_not_forgotten(self, hunger: Hunger) -> None:
        for endpoint_id in (A, B):
            hunger.lane(endpoint_id).slots = 7
        assert set(hunger.idle()) == {A, B}
        hunger.wake(A)
        hunger.forget([A, B])
        assert hunger.lane(A).slots == 7
        assert hunger.lane(B).slots == FIRST_SLOTS

    def test_what_is_under_way_is_not_idle(self, hunger: Hunger) -> None:
        for endpoint_id in (A, B):
            hunger.hold(job_of(endpoint_id))
        call(hunger, A)
        assert hunger.idle() == []
        hunger.forget([A, B])
        assert hunger.lane(A).in_flight == 1
        assert len(hunger.lane(B).ready) == 1

    def test_what_was_claimed_ahead_is_taken_back_as_a_whole(self, hunger: Hunger) -> None:
        jobs = [job_of(A), job_of(B)]
        for job in jobs:
            hunger.hold(job)
        assert hunger.take_back_all() == jobs
        assert hunger.take_back_all() == []
        assert hunger.held == 0
