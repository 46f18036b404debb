"""A paused lane waits, then one call at a time finds out whether its endpoint works again."""

from datetime import datetime, timedelta
from functools import partial

import pytest
from django.utils import timezone

from accounts.models import Domain
from delivery.lanes.health import LaneState
from delivery.models import Delivery, Endpoint, Lane, Recipient
from delivery.tests.records import create_endpoint
from delivery.tests.threads import at_once
from delivery.tests.waiting_mail import add_due, claim_from

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]


def _close(endpoint: Endpoint, state: LaneState, until: datetime | None = None) -> None:
    Lane.objects.filter(endpoint=endpoint).update(state=state, paused_until=until)


def _minutes(count: int) -> datetime:
    """From now; as exact as every database keeps it."""
    return (timezone.now() + timedelta(minutes=count)).replace(microsecond=0)


@pytest.mark.parametrize("state", [LaneState.PAUSED, LaneState.PROBING])
def test_until_then_nothing_is_claimed(
    recipient: Recipient, endpoint: Endpoint, state: LaneState
) -> None:
    add_due(recipient, endpoint)
    until = _minutes(5)
    _close(endpoint, state, until)
    claimed = claim_from(endpoint)
    assert (claimed.jobs, claimed.dry) == ([], set())
    assert claimed.closed == {endpoint.id: until}
    assert Delivery.objects.get().attempts == 0


@pytest.mark.parametrize("until", [None, _minutes(-5)])
def test_a_disabled_lane_stays_closed(
    recipient: Recipient, endpoint: Endpoint, until: datetime | None
) -> None:
    add_due(recipient, endpoint)
    _close(endpoint, LaneState.DISABLED, until)
    claimed = claim_from(endpoint)
    assert (claimed.jobs, claimed.dry) == ([], set())
    assert claimed.closed == {endpoint.id: None}
    assert Delivery.objects.get().attempts == 0


@pytest.mark.parametrize("state", [LaneState.PAUSED, LaneState.PROBING])
@pytest.mark.parametrize("minutes", [None, -5])
def test_then_one_is_claimed_as_a_probe(
    recipient: Recipient, endpoint: Endpoint, state: LaneState, minutes: int | None
) -> None:
    oldest = add_due(recipient, endpoint, age=60)
    for _ in range(5):
        add_due(recipient, endpoint)
    _close(endpoint, state, None if minutes is None else _minutes(minutes))

    (job,) = claim_from(endpoint).jobs

    assert job.delivery_id == oldest.id
    assert job.is_probe
    lane = Lane.objects.get(endpoint=endpoint)
    assert (lane.state, lane.paused_until) == (LaneState.PROBING, job.claimed_until)
    # The others wait until this one must be over.
    again = claim_from(endpoint)
    assert (again.jobs, again.closed) == ([], {endpoint.id: job.claimed_until})


def test_with_nothing_due_the_lane_stays_as_it_is(endpoint: Endpoint) -> None:
    _close(endpoint, LaneState.PAUSED, _minutes(-5))
    assert claim_from(endpoint).dry == {endpoint.id}
    assert Lane.objects.get().state == LaneState.PAUSED


@pytest.mark.django_db(transaction=True)
def test_two_processes_at_the_same_time_probe_once(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    for _ in range(5):
        for _ in range(4):
            add_due(recipient, endpoint)
        _close(endpoint, LaneState.PAUSED, _minutes(-5))
        claims = at_once(*[partial(claim_from, endpoint) for _ in range(3)])
        assert sum(len(claimed.jobs) for claimed in claims) == 1
        Delivery.objects.all().delete()


def test_other_lanes_do_not_wait(recipient: Recipient, endpoint: Endpoint, domain: Domain) -> None:
    other = create_endpoint(domain, url="http://127.0.0.1:9/other")
    add_due(recipient, endpoint)
    for _ in range(2):
        add_due(recipient, other)
    _close(endpoint, LaneState.PAUSED, _minutes(5))
    claimed = claim_from(endpoint, other)
    assert [job.endpoint_id for job in claimed.jobs] == [other.id, other.id]
    assert not any(job.is_probe for job in claimed.jobs)
