"""What was claimed ahead and is not called goes back as if nothing had been."""

from datetime import timedelta

import pytest
from django.utils import timezone

from delivery.courier.lookout import due_lanes
from delivery.courier.release import release
from delivery.lanes import lanes
from delivery.models import Attempt, Delivery, Endpoint, Lane, Recipient
from delivery.tests.waiting_mail import add_due, claim_from, claim_one, expire_claims

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]


def test_the_row_is_as_before(recipient: Recipient, endpoint: Endpoint) -> None:
    delivery = add_due(recipient, endpoint, tries=2, attempts=5)
    before = Delivery.objects.values().get()
    release([claim_one(endpoint)])
    assert Delivery.objects.values().get() == before
    assert claim_one(endpoint).delivery_id == delivery.id
    assert not Attempt.objects.exists()


def test_the_lane_is_due_again(recipient: Recipient, endpoint: Endpoint) -> None:
    """Another process may have set it to rest until the end of our claim."""
    add_due(recipient, endpoint)
    job = claim_one(endpoint)
    lanes.rest([endpoint.id])
    assert due_lanes().next_page() == []
    release([job])
    assert due_lanes().next_page() == [endpoint.id]


def test_jobs_of_several_claims_in_any_order(recipient: Recipient, endpoint: Endpoint) -> None:
    for _ in range(4):
        add_due(recipient, endpoint)
    first, second = (claim_from(endpoint, slots=2).jobs for _ in range(2))
    release([first[0], second[0], first[1], second[1]])
    assert len(claim_from(endpoint).jobs) == 4


def test_what_somebody_else_has_claimed_since_is_theirs(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    add_due(recipient, endpoint)
    ours = claim_one(endpoint)
    expire_claims()
    theirs = claim_one(endpoint)
    release([ours])
    delivery = Delivery.objects.get()
    assert delivery.claim_id == theirs.claim_id
    assert (delivery.tries, delivery.attempts) == (1, 2)


def test_tries_that_began_anew_under_the_claim(recipient: Recipient, endpoint: Endpoint) -> None:
    """A previous version leaves that of a retry after a claim ran out."""
    for _ in range(2):
        add_due(recipient, endpoint)
    jobs = claim_from(endpoint).jobs
    Delivery.objects.filter(id=jobs[0].delivery_id).update(tries=0)
    release(jobs)
    for delivery in Delivery.objects.all():
        assert (delivery.claim_id, delivery.tries, delivery.attempts) == (None, 0, 0)


@pytest.mark.django_db(transaction=True)
def test_a_lane_whose_probe_was_not_made_may_be_probed_at_once(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    add_due(recipient, endpoint)
    Lane.objects.update(state=Lane.State.PAUSED, paused_until=timezone.now())
    release([claim_one(endpoint)])
    assert Lane.objects.get().state == Lane.State.PAUSED
    assert claim_one(endpoint).is_probe


def test_a_probe_of_somebody_else_goes_on(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint)
    Lane.objects.update(state=Lane.State.PAUSED, paused_until=timezone.now())
    ours = claim_one(endpoint)
    theirs_until = ours.claimed_until + timedelta(seconds=1)
    Lane.objects.update(paused_until=theirs_until)
    release([ours])
    lane = Lane.objects.get()
    assert (lane.state, lane.paused_until) == (Lane.State.PROBING, theirs_until)


def test_nothing_to_release(db: None) -> None:
    release([])
    assert not Delivery.objects.exists()
