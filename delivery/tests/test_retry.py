"""Retried by hand: due now with a fresh set of tries, whatever had become of it."""

from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from accounts.models import Domain
from delivery.by_hand.deletion import delete_domain, delete_recipient
from delivery.by_hand.interventions import AT_ONCE, retry
from delivery.courier.courier import Courier
from delivery.courier.recorder import record
from delivery.courier.release import release
from delivery.lanes.answers import Kind
from delivery.models import Delivery, Endpoint, Lane, Message, Recipient
from delivery.routing.routing import route
from delivery.tests.courier_steps import move, send, settled
from delivery.tests.outcomes import SCHEDULE, outcome_of
from delivery.tests.records import URL, create_delivery, create_endpoint, create_message
from delivery.tests.rules import add_rule, create_ruleset
from delivery.tests.submissions import receive
from delivery.tests.threads import at_once
from delivery.tests.waiting_mail import add_due, claim_one, expire_claims
from delivery.tests.webhook_receiver import WebhookReceiver
from fastsmtp.ids import uuid7

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

Status = Delivery.Status
CORRECTED = "http://127.0.0.1:9/corrected"
ENDED = [Status.DELIVERED, Status.EXHAUSTED, Status.DISCARDED, Status.CANCELLED]


def _deliver(recipient: Recipient, endpoint: Endpoint, **fields: object) -> Delivery:
    return create_delivery(create_message(recipient.domain), recipient, endpoint, **fields)


@pytest.mark.parametrize("status", [*ENDED, Status.PENDING, Status.FAILED])
def test_it_is_due_now_with_fresh_tries(
    recipient: Recipient, endpoint: Endpoint, status: Status
) -> None:
    later = timezone.now() + timedelta(hours=5)
    delivery = _deliver(
        recipient,
        endpoint,
        status=status,
        reason="schedule",
        tries=9,
        attempts=12,
        due_at=None if status in ENDED else later,
        delivered_at=timezone.now() if status == Status.DELIVERED else None,
        oversize_failures=2,
    )
    before = timezone.now() - timedelta(seconds=1)

    assert retry([delivery.id]).done == {delivery.id: endpoint.id}

    delivery.refresh_from_db()
    assert (delivery.status, delivery.reason, delivery.tries) == (Status.PENDING, "", 0)
    assert (delivery.attempts, delivery.oversize_failures) == (12, 0)
    assert delivery.delivered_at is None
    assert delivery.due_at is not None
    lane_due_at = Lane.objects.get().due_at
    assert lane_due_at is not None
    assert before <= lane_due_at <= delivery.due_at <= timezone.now()
    assert delivery.replays == (1 if status in ENDED else 0)


def test_what_is_being_sent_is_refused(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint)
    job = claim_one(endpoint)
    before = Delivery.objects.values().get()
    assert retry([job.delivery_id]).refused == {job.delivery_id: "It is being sent."}
    assert Delivery.objects.values().get() == before


def test_a_claim_that_ran_out_is_no_obstacle_and_is_not_forgotten(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    delivery = add_due(recipient, endpoint)
    lost = claim_one(endpoint)
    expire_claims()
    assert retry([delivery.id]).done
    delivery.refresh_from_db()
    assert (delivery.claim_id, delivery.claimed_until) == (None, None)
    attempt = delivery.attempt_log.get()
    assert (attempt.number, attempt.outcome) == (1, Kind.UNKNOWN)
    release([lost])  # its process lives after all
    assert claim_one(endpoint).attempts == 2
    delivery.refresh_from_db()
    assert delivery.tries == 1
    assert delivery.attempt_log.count() == 1


@pytest.mark.parametrize(
    ("status", "words"), [(Status.DROPPED, "dropped"), (Status.QUARANTINED, "quarantined")]
)
def test_what_the_rules_held_back_is_refused(
    recipient: Recipient, endpoint: Endpoint, status: Status, words: str
) -> None:
    delivery = _deliver(recipient, endpoint, status=status)
    assert words in retry([delivery.id]).refused[delivery.id]
    delivery.refresh_from_db()
    assert (delivery.status, delivery.due_at) == (status, None)


def test_without_its_recipient_it_has_nowhere_to_go(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    delivery = add_due(recipient, endpoint)
    delete_recipient(recipient)
    assert retry([delivery.id]).refused == {delivery.id: "Its recipient was deleted."}
    delivery.refresh_from_db()
    assert delivery.status == Status.CANCELLED


def test_a_recipient_that_exists_again_gets_it(
    domain: Domain, recipient: Recipient, endpoint: Endpoint
) -> None:
    delivery = add_due(recipient, endpoint)
    delete_recipient(recipient)
    again = Recipient.objects.create(domain=domain, local_part="support", webhook_url=CORRECTED)
    assert retry([delivery.id]).done
    delivery.refresh_from_db()
    assert (delivery.recipient, delivery.webhook_url) == (again, CORRECTED)
    assert delivery.endpoint == Endpoint.objects.get(url=CORRECTED)


def test_a_domain_made_anew_does_not_get_the_mail_of_the_one_before(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    delivery = add_due(recipient, endpoint)
    delete_domain(recipient.domain)
    stranger = Domain.objects.create(domain_name="example.com")
    Recipient.objects.create(domain=stranger, local_part="support", webhook_url=URL)
    assert retry([delivery.id]).refused == {delivery.id: "Its domain was deleted."}


def test_without_its_bytes_there_is_nothing_to_send(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    delivery = _deliver(recipient, endpoint, status=Status.DELIVERED)
    Message.objects.update(raw=None)
    assert retry([delivery.id]).refused == {delivery.id: "Its raw message was deleted."}
    delivery.refresh_from_db()
    assert delivery.status == Status.DELIVERED


def test_it_goes_to_the_corrected_url(recipient: Recipient, endpoint: Endpoint) -> None:
    delivery = _deliver(recipient, endpoint, status=Status.EXHAUSTED, reason="not_allowed")
    recipient.webhook_url = CORRECTED
    recipient.save()
    retry([delivery.id])
    delivery.refresh_from_db()
    assert delivery.endpoint == Endpoint.objects.get(url=CORRECTED)
    assert delivery.webhook_url == CORRECTED


def test_where_a_rule_sent_it_it_goes_again(recipient: Recipient) -> None:
    override = "http://127.0.0.1:9/override"
    add_rule(create_ruleset(recipient.domain), "subject exists", webhook_url_override=override)
    route([receive(recipient).id])
    recipient.webhook_url = CORRECTED
    recipient.save()
    delivery = Delivery.objects.get()
    retry([delivery.id])
    delivery.refresh_from_db()
    assert delivery.webhook_url == override


@pytest.mark.parametrize("is_of_a_rule", [True, False])
def test_a_row_of_the_previous_version_does_not_say_who_chose_its_url(
    recipient: Recipient, endpoint: Endpoint, is_of_a_rule: bool
) -> None:
    if is_of_a_rule:
        add_rule(create_ruleset(recipient.domain), "subject exists", webhook_url_override=URL)
    delivery = _deliver(recipient, endpoint, status=Status.EXHAUSTED, is_overridden=None)
    recipient.webhook_url = CORRECTED
    recipient.save()
    retry([delivery.id])
    delivery.refresh_from_db()
    assert delivery.webhook_url == (URL if is_of_a_rule else CORRECTED)


def test_a_rule_of_another_domain_has_not_chosen_it(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    stranger = Domain.objects.create(domain_name="example.org")
    add_rule(create_ruleset(stranger), "subject exists", webhook_url_override=URL)
    delivery = _deliver(recipient, endpoint, status=Status.EXHAUSTED, is_overridden=None)
    recipient.webhook_url = CORRECTED
    recipient.save()
    retry([delivery.id])
    delivery.refresh_from_db()
    assert delivery.webhook_url == CORRECTED


def test_an_endpoint_that_is_gone_is_made_again(recipient: Recipient, endpoint: Endpoint) -> None:
    delivery = _deliver(recipient, endpoint, status=Status.DELIVERED)
    retry([delivery.id])  # the process knows the endpoint now
    Delivery.objects.update(status=Status.DELIVERED, due_at=None)
    endpoint.delete()
    assert retry([delivery.id]).done
    assert claim_one(Endpoint.objects.get()).delivery_id == delivery.id


def test_many_at_once(recipient: Recipient, endpoint: Endpoint) -> None:
    message = create_message(recipient.domain)
    Delivery.objects.bulk_create(
        Delivery(
            message=message,
            domain=recipient.domain,
            recipient=recipient,
            endpoint=endpoint,
            recipient_address=recipient.address,
            generation=number,
            status=Status.EXHAUSTED,
        )
        for number in range(AT_ONCE + 1)
    )
    ids = list(Delivery.objects.values_list("id", flat=True))
    assert len(retry([*ids, uuid7()]).done) == AT_ONCE + 1


@pytest.mark.django_db(transaction=True)
def test_receivers_are_told_and_see_the_same_id(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    send(courier, move(recipient, receiver))
    delivery = settled(status=Status.DELIVERED)
    for number in (1, 2):
        courier.wake(retry([delivery.id]).done.values())
        receiver.wait_for_calls(number + 1)
        settled(status=Status.DELIVERED)
    first, *replays = receiver.calls
    assert "fastsmtp-replay" not in first.headers
    assert [call.headers["fastsmtp-replay"] for call in replays] == ["1", "2"]
    assert {call.headers["webhook-id"] for call in receiver.calls} == {str(delivery.id)}
    assert [call.headers["fastsmtp-attempt"] for call in receiver.calls] == ["1", "2", "3"]


@pytest.mark.django_db(transaction=True)
def test_retried_while_outcomes_are_recorded(domain: Domain, recipient: Recipient) -> None:
    """Locks are taken in one order, so that nobody has to be a victim."""
    endpoint = create_endpoint(domain)
    for _ in range(4):
        add_due(recipient, endpoint)
        job = claim_one(endpoint)
        ids = [_deliver(recipient, endpoint, status=Status.EXHAUSTED).id for _ in range(20)]
        at_once(
            partial(record, [outcome_of(job, Kind.FAST)], SCHEDULE),
            partial(retry, [job.delivery_id, *ids]),
        )
        assert Delivery.objects.filter(status=Status.PENDING).count() >= 20
        Delivery.objects.all().delete()
        Lane.objects.update(state=Lane.State.ACTIVE, consecutive_failures=0)
