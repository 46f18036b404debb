"""What was held back goes when somebody releases it, or never once it is discarded."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone
from structlog.testing import capture_logs

from accounts.models import Domain
from delivery.by_hand.deletion import delete_domain
from delivery.by_hand.discarding import discard
from delivery.by_hand.interventions import release
from delivery.courier.courier import Courier
from delivery.courier.recorder import record
from delivery.lanes.answers import Kind
from delivery.models import Attempt, Delivery, Endpoint, Lane, Recipient
from delivery.routing.routing import route
from delivery.tests.courier_steps import move, settled
from delivery.tests.outcomes import SCHEDULE, outcome_of
from delivery.tests.records import create_delivery, create_endpoint, create_message
from delivery.tests.rules import add_rule, create_ruleset
from delivery.tests.submissions import receive
from delivery.tests.threads import at_once
from delivery.tests.waiting_mail import add_due, claim_one
from delivery.tests.webhook_receiver import WebhookReceiver
from fastsmtp.ids import uuid7

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

Status = Delivery.Status
NOT_QUARANTINED = [status for status in Status if status != Status.QUARANTINED]


def _quarantine(recipient: Recipient, endpoint: Endpoint, **fields: object) -> Delivery:
    values = {"status": Status.QUARANTINED, "reason": "rule: Spam/1", "tags": ["spam"], **fields}
    return create_delivery(create_message(recipient.domain), recipient, endpoint, **values)


def _disable(endpoint: Endpoint) -> None:
    Lane.objects.filter(endpoint=endpoint).update(state=Lane.State.DISABLED)


def test_released_mail_is_due_at_once(recipient: Recipient, endpoint: Endpoint) -> None:
    delivery = _quarantine(recipient, endpoint)
    other = _quarantine(recipient, endpoint)
    before = timezone.now() - timedelta(seconds=1)

    assert release([delivery.id]) == 1

    delivery.refresh_from_db()
    lane = Lane.objects.get()
    assert (delivery.status, delivery.reason, delivery.tries) == (Status.PENDING, "", 0)
    assert delivery.due_at is not None
    assert lane.due_at is not None
    assert before <= lane.due_at <= delivery.due_at <= timezone.now()
    assert delivery.tags == ["spam"]
    other.refresh_from_db()
    assert other.status == Status.QUARANTINED


@pytest.mark.django_db(transaction=True)
def test_released_mail_goes_where_it_was_going(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    ruleset = create_ruleset(move(recipient, receiver).domain)
    add_rule(ruleset, "subject exists", action="quarantine", add_tags=["spam"])
    route([receive(recipient).id])
    delivery = Delivery.objects.get()
    assert receiver.calls == []
    release([delivery.id])
    courier.wake({delivery.endpoint_id} if delivery.endpoint_id else set())
    settled(status=Status.DELIVERED)
    (call,) = receiver.calls
    assert call.payload["tags"] == ["spam"]


def test_the_log_says_why_it_had_been_held(recipient: Recipient, endpoint: Endpoint) -> None:
    """The row has a reason only for what it is now."""
    delivery = _quarantine(recipient, endpoint)
    with capture_logs() as logs:
        assert release([delivery.id, delivery.id]) == 1
        assert release([delivery.id]) == 0
    (entry,) = logs
    assert (entry["event"], entry["reason"]) == ("released", "rule: Spam/1")
    assert entry["message"] == str(delivery.message_id)
    assert entry["recipient"] == recipient.address


@pytest.mark.parametrize("status", NOT_QUARANTINED)
def test_only_what_is_quarantined_is_released(
    recipient: Recipient, endpoint: Endpoint, status: Status
) -> None:
    delivery = _quarantine(recipient, endpoint, status=status)
    assert release([delivery.id]) == 0
    delivery.refresh_from_db()
    assert (delivery.status, delivery.due_at) == (status, None)
    assert Lane.objects.get().due_at is None


def test_what_has_nowhere_to_go_stays(recipient: Recipient, endpoint: Endpoint) -> None:
    """A routing error never got an endpoint; that of a deleted domain is gone."""
    unrouted = _quarantine(recipient, endpoint)
    Delivery.objects.filter(id=unrouted.id).update(endpoint=None, reason="routing_error")
    orphan = _quarantine(recipient, endpoint)
    delete_domain(recipient.domain)
    assert release([unrouted.id, orphan.id, uuid7()]) == 0
    assert set(Delivery.objects.values_list("status", flat=True)) == {Status.QUARANTINED}


def test_quarantined_and_held_mail_is_discarded(
    recipient: Recipient, endpoint: Endpoint, domain: Domain
) -> None:
    healthy = create_endpoint(domain, url="http://127.0.0.1:9/healthy")
    now = timezone.now()
    lost: dict[str, Any] = {"claim_id": uuid7(), "claimed_until": now - timedelta(seconds=1)}
    discarded = [
        _quarantine(recipient, healthy),
        add_due(recipient, endpoint),
        add_due(recipient, endpoint, status=Status.FAILED),
        add_due(recipient, endpoint, attempts=1, **lost),
    ]
    sending = add_due(
        recipient, endpoint, claim_id=uuid7(), claimed_until=now + timedelta(minutes=1)
    )
    waiting = add_due(recipient, healthy)
    delivered = _quarantine(recipient, endpoint, status=Status.DELIVERED)
    _disable(endpoint)

    everything = Delivery.objects.values_list("id", flat=True)
    assert discard(list(everything)) == len(discarded)
    assert Attempt.objects.get().delivery == discarded[-1]  # its process died in the call

    for delivery in discarded:
        delivery.refresh_from_db()
        assert (delivery.status, delivery.reason) == (Status.DISCARDED, "discarded")
        assert (delivery.due_at, delivery.claim_id, delivery.claimed_until) == (None, None, None)
    for delivery in (sending, waiting, delivered):
        before = (delivery.status, delivery.due_at, delivery.claim_id)
        delivery.refresh_from_db()
        assert (delivery.status, delivery.due_at, delivery.claim_id) == before


def test_more_than_one_statement_takes(recipient: Recipient, endpoint: Endpoint) -> None:
    """PostgreSQL takes 65,535 values."""
    ids = [uuid7() for _ in range(65_536)]
    assert release([*ids, _quarantine(recipient, endpoint).id]) == 1
    assert discard([*ids, _quarantine(recipient, endpoint).id]) == 1


def test_discarded_mail_stays_discarded(recipient: Recipient, endpoint: Endpoint) -> None:
    delivery = _quarantine(recipient, endpoint)
    assert discard([delivery.id]) == 1
    assert (discard([delivery.id]), release([delivery.id])) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_released_or_discarded_never_both(domain: Domain, recipient: Recipient) -> None:
    endpoint = create_endpoint(domain)
    ids = [_quarantine(recipient, endpoint).id for _ in range(20)]
    released, discarded = at_once(partial(release, ids), partial(discard, ids[::-1]))
    assert sorted([released, discarded]) == [0, 20]


@pytest.mark.django_db(transaction=True)
def test_discarding_while_outcomes_are_recorded(domain: Domain, recipient: Recipient) -> None:
    """Locks are taken in one order, so that nobody has to be a victim."""
    endpoint = create_endpoint(domain)
    for _ in range(4):
        add_due(recipient, endpoint)
        job = claim_one(endpoint)
        ids = [_quarantine(recipient, endpoint).id for _ in range(20)]
        at_once(
            partial(record, [outcome_of(job, Kind.BROKEN)], SCHEDULE),
            partial(discard, [job.delivery_id, *ids]),
        )
        assert Delivery.objects.filter(status=Status.DISCARDED).count() == 20
        Delivery.objects.all().delete()
