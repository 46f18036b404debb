"""A process died in the middle of a call: it is made again, and the record says so."""

import pytest

from delivery.courier.release import release
from delivery.courier.suspicion import prolong
from delivery.lanes.answers import Kind
from delivery.lanes.health import LaneState
from delivery.models import Attempt, Delivery, Endpoint, Lane, Recipient
from delivery.tests.outcomes import record_one
from delivery.tests.waiting_mail import add_due, claim_from, claim_one, expire_claims

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]


def test_an_expired_claim_is_claimed_again(recipient: Recipient, endpoint: Endpoint) -> None:
    delivery = add_due(recipient, endpoint)
    lost = claim_one(endpoint)
    assert claim_from(endpoint).jobs == []
    expire_claims()

    job = claim_one(endpoint)

    assert job.delivery_id == delivery.id
    assert job.claim_id != lost.claim_id
    assert (job.tries, job.attempts) == (1, 2)


def test_it_is_a_suspect_from_now_on(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint)
    assert claim_one(endpoint).lost_claims == 0
    for lost_claims in (1, 2):
        expire_claims()
        job = claim_one(endpoint)
        assert job.lost_claims == lost_claims
    release([job])
    delivery = Delivery.objects.get()
    assert (delivery.lost_claims, delivery.tries, delivery.attempts) == (2, 0, 2)
    assert claim_one(endpoint).lost_claims == 2


def test_a_suspect_is_claimed_for_longer(recipient: Recipient, endpoint: Endpoint) -> None:
    suspect = add_due(recipient, endpoint, lost_claims=3)
    add_due(recipient, endpoint)
    ends = {job.delivery_id: job.claimed_until for job in claim_from(endpoint).jobs}
    longer = ends.pop(suspect.id)
    assert [prolong(end, 3) for end in ends.values()] == [longer]
    assert dict(Delivery.objects.values_list("id", "claimed_until")) == {
        suspect.id: longer,
        **ends,
    }


def test_a_lane_is_probed_until_its_suspect_is_back(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    Lane.objects.update(state=LaneState.PAUSED)
    add_due(recipient, endpoint, lost_claims=1)
    job = claim_one(endpoint)
    assert Lane.objects.get().paused_until == job.claimed_until
    release([job])
    assert Lane.objects.get().state == LaneState.PAUSED


@pytest.mark.parametrize("kind", [Kind.DELIVERED, Kind.FAST, Kind.THROTTLED])
def test_an_answer_clears_it(recipient: Recipient, endpoint: Endpoint, kind: Kind) -> None:
    add_due(recipient, endpoint, lost_claims=2)
    record_one(claim_one(endpoint), kind)
    assert Delivery.objects.get().lost_claims == 0


def test_the_lost_attempt_is_recorded_as_unknown(recipient: Recipient, endpoint: Endpoint) -> None:
    delivery = add_due(recipient, endpoint)
    for number in (1, 2):
        claim_one(endpoint)
        expire_claims()
        assert Attempt.objects.count() == number - 1
    claim_one(endpoint)
    attempts = Attempt.objects.order_by("number")
    assert [attempt.number for attempt in attempts] == [1, 2]
    for attempt in attempts:
        assert attempt.delivery == delivery
        assert attempt.outcome == Kind.UNKNOWN
        assert (attempt.duration_ms, attempt.status_code) == (None, None)
        assert attempt.error == "the worker ended before the answer was known"


def test_a_first_claim_records_nothing(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint)
    claim_one(endpoint)
    assert not Attempt.objects.exists()


def test_a_delivery_that_ended_meanwhile_is_left_alone(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    """A late 2xx, or a deleted recipient."""
    add_due(recipient, endpoint)
    claim_one(endpoint)
    expire_claims()
    Delivery.objects.update(status=Delivery.Status.CANCELLED, due_at=None)
    assert claim_from(endpoint).jobs == []
    assert not Attempt.objects.exists()
