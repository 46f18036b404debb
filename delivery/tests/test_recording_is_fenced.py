"""A claim that ran out belongs to somebody else: only a 2xx counts all the same."""

import pytest

from delivery.by_hand.deletion import delete_recipient
from delivery.jobs import Job
from delivery.lanes.answers import Kind
from delivery.models import Attempt, Delivery, Endpoint, Recipient
from delivery.tests.outcomes import record_one
from delivery.tests.waiting_mail import add_due, claim_from, claim_one, expire_claims

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

Status = Delivery.Status
NOT_DELIVERED = [kind for kind in Kind if kind not in (Kind.DELIVERED, Kind.UNKNOWN)]


@pytest.fixture
def lost(recipient: Recipient, endpoint: Endpoint) -> Job:
    """Claimed by a process that took too long over it."""
    add_due(recipient, endpoint)
    job = claim_one(endpoint)
    expire_claims()
    return job


@pytest.mark.parametrize("kind", NOT_DELIVERED)
def test_a_late_failure_changes_nothing(lost: Job, endpoint: Endpoint, kind: Kind) -> None:
    theirs = claim_one(endpoint)
    before = Delivery.objects.values().get()
    record_one(lost, kind)
    assert Delivery.objects.values().get() == before
    record_one(theirs, Kind.FAST)
    assert Delivery.objects.get().status == Status.FAILED


def test_a_late_success_wins(lost: Job, endpoint: Endpoint) -> None:
    theirs = claim_one(endpoint)
    record_one(lost, Kind.DELIVERED)
    assert Delivery.objects.get().status == Status.DELIVERED
    record_one(theirs, Kind.FAST)
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.due_at, delivery.claim_id) == (Status.DELIVERED, None, None)
    assert claim_from(endpoint).jobs == []


def test_a_late_success_wins_over_a_failure_that_was_recorded(
    lost: Job, endpoint: Endpoint
) -> None:
    record_one(claim_one(endpoint), Kind.FAST)
    record_one(lost, Kind.DELIVERED)
    assert Delivery.objects.get().status == Status.DELIVERED


@pytest.mark.parametrize("kind", [*NOT_DELIVERED, Kind.DELIVERED])
def test_what_was_cancelled_stays_cancelled(lost: Job, recipient: Recipient, kind: Kind) -> None:
    delete_recipient(recipient)
    before = Delivery.objects.values().get()
    record_one(lost, kind)
    assert Delivery.objects.values().get() == before
    assert before["status"] == Status.CANCELLED


def test_every_call_is_on_record(lost: Job, endpoint: Endpoint) -> None:
    theirs = claim_one(endpoint)
    record_one(theirs, Kind.DELIVERED)
    record_one(lost, Kind.FAST)
    outcomes = list(Attempt.objects.order_by("id").values_list("number", "outcome"))
    assert outcomes == [(1, Kind.UNKNOWN), (2, Kind.DELIVERED), (1, Kind.FAST)]
