"""A process died in the middle of a call: it is made again, and the record says so."""

import pytest

from delivery.lanes.answers import Kind
from delivery.models import Attempt, Delivery, Endpoint, Recipient
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
    assert (job.tries, job.attempts) == (2, 2)


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
