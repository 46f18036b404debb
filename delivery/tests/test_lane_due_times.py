"""`due_at` of a lane is never later than the first thing that it has to do."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from accounts.models import Domain
from delivery.courier.lookout import due_lanes
from delivery.lanes import lanes
from delivery.lanes.health import LaneState
from delivery.lanes.rounds import Rounds
from delivery.models import Delivery, Endpoint, Lane, Recipient
from delivery.tests.records import create_delivery, create_endpoint, create_message
from fastsmtp.ids import uuid7

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

NOW = timezone.now().replace(microsecond=0)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def _due_at(endpoint: Endpoint) -> datetime | None:
    return Lane.objects.get(endpoint=endpoint).due_at


def _set_due(endpoint: Endpoint, at: datetime | None) -> None:
    Lane.objects.filter(endpoint=endpoint).update(due_at=at)


def _wait_for(recipient: Recipient, endpoint: Endpoint, **fields: object) -> Delivery:
    return create_delivery(create_message(recipient.domain), recipient, endpoint, **fields)


@pytest.mark.parametrize("before", [None, NOW + SECOND, NOW + HOUR])
def test_waking_lowers(endpoint: Endpoint, before: datetime | None) -> None:
    _set_due(endpoint, before)
    assert lanes.wake([endpoint.id], at=NOW) == {endpoint.id}
    assert _due_at(endpoint) == NOW


@pytest.mark.parametrize("before", [NOW, NOW - SECOND, NOW - HOUR])
def test_waking_never_raises(endpoint: Endpoint, before: datetime) -> None:
    _set_due(endpoint, before)
    assert lanes.wake([endpoint.id], at=NOW) == {endpoint.id}
    assert _due_at(endpoint) == before


def test_waking_tells_which_lanes_exist(domain: Domain, endpoint: Endpoint) -> None:
    others = [create_endpoint(domain, url=f"http://127.0.0.1:9/{n}").id for n in range(3)]
    gone = uuid7()
    assert lanes.wake([endpoint.id, gone, *others], at=NOW) == {endpoint.id, *others}
    assert lanes.wake([gone], at=NOW) == set()
    assert lanes.wake([], at=NOW) == set()


def test_a_lane_at_rest_has_nothing_due(recipient: Recipient, endpoint: Endpoint) -> None:
    _set_due(endpoint, NOW)
    _wait_for(recipient, endpoint, status=Delivery.Status.DELIVERED, due_at=None)
    assert lanes.rest([endpoint.id]) == {endpoint.id: None}
    assert _due_at(endpoint) is None


@pytest.mark.parametrize("due_at", [NOW - HOUR, NOW + HOUR])
def test_rest_sets_the_first_due_time(
    recipient: Recipient, endpoint: Endpoint, due_at: datetime
) -> None:
    for at in (due_at + SECOND, due_at, due_at + HOUR):
        _wait_for(recipient, endpoint, due_at=at)
    assert lanes.rest([endpoint.id]) == {endpoint.id: due_at}
    assert _due_at(endpoint) == due_at


def test_a_claimed_delivery_is_due_when_its_claim_runs_out(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    """Its process may die before it can tell."""
    _wait_for(
        recipient,
        endpoint,
        due_at=NOW - HOUR,
        claim_id=uuid7(),
        claimed_until=NOW + 45 * SECOND,
    )
    assert lanes.rest([endpoint.id]) == {endpoint.id: NOW + 45 * SECOND}
    _wait_for(recipient, endpoint, due_at=NOW + 5 * SECOND)
    assert lanes.rest([endpoint.id]) == {endpoint.id: NOW + 5 * SECOND}
    assert _due_at(endpoint) == NOW + 5 * SECOND


def test_rest_looks_at_each_lane_alone(
    recipient: Recipient, endpoint: Endpoint, domain: Domain
) -> None:
    other = create_endpoint(domain, url="http://127.0.0.1:9/other")
    _wait_for(recipient, endpoint, due_at=NOW)
    assert lanes.rest([endpoint.id, other.id]) == {endpoint.id: NOW, other.id: None}


def test_due_lanes_come_the_longest_waiting_first(domain: Domain) -> None:
    def create(due_at: datetime | None) -> Endpoint:
        return create_endpoint(domain, url=f"http://127.0.0.1:9/{due_at}", due_at=due_at)

    create(None)
    create(timezone.now() + HOUR)
    late, latest = create(NOW - HOUR), create(NOW - 2 * HOUR)
    assert due_lanes().next_page() == [latest.id, late.id]


def test_lanes_that_stay_due_hide_none_behind_them(domain: Domain) -> None:
    times = [NOW - HOUR, NOW - HOUR, NOW - HOUR, NOW - SECOND, NOW - SECOND]
    ids = [
        create_endpoint(domain, url=f"http://127.0.0.1:9/{number}", due_at=at).id
        for number, at in enumerate(times)
    ]
    rounds = Rounds(lanes.due, time="due_at", page_size=2)
    pages = [rounds.next_page() for _ in range(4)]
    assert [len(page) for page in pages] == [2, 2, 1, 2]
    assert [id for page in pages[:3] for id in page] == ids
    assert pages[3] == pages[0]


@pytest.mark.parametrize(
    ("state", "paused_until", "is_due"),
    [
        (LaneState.ACTIVE, None, True),
        (LaneState.PAUSED, NOW + HOUR, False),
        (LaneState.PAUSED, NOW - SECOND, True),
        (LaneState.PROBING, NOW + HOUR, False),
        (LaneState.PROBING, NOW - SECOND, True),
        (LaneState.DISABLED, None, False),
        (LaneState.DISABLED, NOW - SECOND, False),
    ],
)
def test_closed_lanes_are_not_due(
    domain: Domain, state: LaneState, paused_until: datetime | None, is_due: bool
) -> None:
    endpoint = create_endpoint(domain, state=state, paused_until=paused_until, due_at=NOW - SECOND)
    assert due_lanes().next_page() == ([endpoint.id] if is_due else [])
