"""An endpoint that fails, hangs, is busy or gone: its mail waits for it, and nobody else's does."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Domain
from delivery.courier.courier import Courier
from delivery.lanes import lanes
from delivery.lanes.health import FAILURES_TO_PAUSE
from delivery.models import Attempt, Delivery, Endpoint, Lane, Recipient
from delivery.models.message import SMALL
from delivery.tests.courier_steps import all_delivered, send, send_together, settled
from delivery.tests.couriers import running_courier
from delivery.tests.records import create_endpoint
from delivery.tests.waiting_mail import add_due
from delivery.tests.webhook_receiver import Reply, WebhookReceiver
from harness.waiting import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.mariadb,
    pytest.mark.usefixtures("recipient_at_receiver"),
]

Status = Delivery.Status
State = Lane.State


def _create_recipient(domain: Domain, receiver: WebhookReceiver, name: str) -> Recipient:
    return Recipient.objects.create(
        domain=domain, local_part=name, webhook_url=receiver.url(f"/{name}")
    )


def test_one_that_hangs_delays_no_other(
    courier: Courier, receiver: WebhookReceiver, domain: Domain, recipient: Recipient
) -> None:
    """More mail waits for it than a process makes calls at once for one endpoint."""
    hanging = _create_recipient(domain, receiver, "hanging")
    receiver.hang("/hanging")
    for _ in range(20):
        send(courier, hanging)
    receiver.wait_for_calls(1, path="/hanging")
    for _ in range(20):
        send(courier, recipient)
    receiver.wait_for_calls(20)
    wait_until(lambda: Delivery.objects.filter(status=Status.DELIVERED).count() == 20)
    receiver.let_go("/hanging")
    wait_until(all_delivered)
    assert len(receiver.calls) == 40


def test_the_claims_of_one_that_hangs_are_few(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    """Others could take what is not claimed."""
    receiver.hang("/")
    for _ in range(20):
        send(courier, recipient)
    claimed = len(receiver.wait_for_calls(2))
    assert claimed == Delivery.objects.filter(claim_id__isnull=False).count() == 2
    receiver.let_go("/")


def test_large_mail_for_one_that_hangs_delays_no_large_mail_for_others(
    courier: Courier, receiver: WebhookReceiver, domain: Domain, recipient: Recipient
) -> None:
    raw = b"Subject: large\r\n\r\n" + b"x" * (SMALL + 1)
    hanging = _create_recipient(domain, receiver, "hanging")
    receiver.hang("/hanging")
    for _ in range(8):
        send(courier, hanging, raw=raw)
    receiver.wait_for_calls(2, path="/hanging")
    send(courier, recipient, raw=raw)
    (call,) = receiver.wait_for_calls(1)
    assert call.payload["size"] == len(raw)
    receiver.let_go("/hanging")
    wait_until(all_delivered)


def test_as_many_calls_at_once_as_the_endpoint_is_configured_for(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    create_endpoint(recipient.domain, url=recipient.webhook_url)
    Endpoint.objects.update(concurrency=1)
    receiver.hang("/")
    for _ in range(5):
        send(courier, recipient)
    receiver.wait_for_calls(1)
    other = _create_recipient(recipient.domain, receiver, "other")
    send(courier, other)
    settled(Delivery.objects.get(recipient=other).id, status=Status.DELIVERED)
    assert len(receiver.calls_of("/")) == 1
    receiver.let_go("/")
    wait_until(all_delivered)


def test_410_disables_it_and_its_mail_is_held(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    receiver.answer("/", 410)
    send(courier, recipient)
    delivery = settled(last_status_code=410)
    assert (delivery.status, delivery.tries) == (Status.PENDING, 0)
    assert delivery.due_at is not None
    lane = Lane.objects.get()
    assert (lane.state, lane.disabled_reason) == (State.DISABLED, "the receiver answered 410")

    send(courier, recipient)
    courier.wake([lane.endpoint_id])
    # The courier has seen it, for it has looked after somebody else since.
    other = _create_recipient(recipient.domain, receiver, "other")
    send(courier, other)
    receiver.wait_for_calls(1, path="/other")
    assert len(receiver.calls_of("/")) == 1
    held = Delivery.objects.filter(endpoint_id=lane.endpoint_id)
    assert set(held.values_list("status", "claim_id")) == {(Status.PENDING, None)}

    # Enabled again, it gets everything.
    receiver.answer("/", 200)
    receiver.calls.clear()
    Lane.objects.filter(pk=lane.pk).update(state=State.ACTIVE, disabled_reason="")
    lanes.wake([lane.endpoint_id], at=timezone.now())
    courier.wake([lane.endpoint_id])
    wait_until(all_delivered)


def test_a_busy_one_is_left_alone_and_no_try_is_used_up(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    receiver.answer("/", Reply(429, {"Retry-After": "1"}), Reply(503, {"Retry-After": "0"}), 200)
    send(courier, recipient)
    delivery = settled(status=Status.DELIVERED)
    assert (delivery.tries, delivery.attempts) == (1, 3)
    first, second, _ = delivery.attempt_log.order_by("number")
    assert second.started_at - first.started_at >= timedelta(seconds=1)
    assert [attempt.outcome for attempt in (first, second)] == ["throttled", "throttled"]
    assert Lane.objects.get().state == State.ACTIVE


def test_a_broken_one_is_paused_then_probed_and_gets_everything_once(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    receiver.answer("/", 500)
    send_together(courier, recipient, count=10)
    closed = (State.PAUSED, State.PROBING)
    wait_until(lambda: Lane.objects.filter(state__in=closed).exists())
    receiver.answer("/", 200)
    wait_until(all_delivered)
    lane = Lane.objects.get()
    assert (lane.state, lane.consecutive_failures, lane.paused_until) == (State.ACTIVE, 0, None)
    assert Attempt.objects.filter(outcome="failed").count() >= FAILURES_TO_PAUSE
    assert Attempt.objects.filter(outcome="delivered").count() == 10
    assert Attempt.objects.count() == len(receiver.calls)


def test_what_one_refuses_is_not_tried_again(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    receiver.answer("/", 406, 200)
    first = send(courier, recipient)
    settled(status=Status.EXHAUSTED)
    send(courier, recipient)
    receiver.wait_for_calls(2)
    delivery = Delivery.objects.get(message=first)
    assert (delivery.status, delivery.reason, delivery.attempts) == ("exhausted", "refused", 1)


def test_an_address_that_is_not_allowed_gets_no_packet(
    receiver: WebhookReceiver, recipient: Recipient
) -> None:
    """It was allowed when the recipient was saved."""
    with running_courier(webhook_allowed_internal_domains=[]) as courier:
        send(courier, recipient)
        delivery = settled(status=Status.EXHAUSTED)
    assert delivery.reason == "not_allowed"
    assert delivery.last_error.startswith("127.0.0.1 is not a public address")
    assert delivery.due_at is None
    assert receiver.connections == 0
    lane = Lane.objects.get()
    assert (lane.state, lane.consecutive_failures) == (State.ACTIVE, 0)


def test_a_timeout_of_its_own(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    endpoint = create_endpoint(recipient.domain, url=recipient.webhook_url)
    Endpoint.objects.update(timeout_seconds=1)
    receiver.hang("/")
    add_due(recipient, endpoint)
    courier.wake([endpoint.id])
    delivery = settled(status=Status.FAILED)
    assert delivery.last_error == "no complete answer within 1 s"
    receiver.let_go("/")


def test_what_was_claimed_by_a_dead_process_is_sent(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    endpoint = create_endpoint(recipient.domain, url=recipient.webhook_url, due_at=timezone.now())
    add_due(
        recipient,
        endpoint,
        tries=1,
        attempts=1,
        claim_id=endpoint.id,
        claimed_until=timezone.now() - timedelta(seconds=1),
    )
    delivery = settled(status=Status.DELIVERED)
    outcomes = delivery.attempt_log.order_by("number").values_list("outcome", flat=True)
    assert list(outcomes) == ["unknown", "delivered"]
    assert receiver.calls[0].headers["fastsmtp-attempt"] == "2"


def test_a_mail_deleted_during_its_call_does_not_disturb_the_others(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    """Its outcome has no row any more; others are recorded with it, before it and after it."""
    receiver.hang("/")
    messages = [send(courier, recipient) for _ in range(2)]
    receiver.wait_for_calls(2)
    messages[0].delete()
    receiver.let_go("/")
    settled(messages[1].deliveries.get().id, status=Status.DELIVERED)
    send(courier, recipient)
    wait_until(all_delivered)
    assert Delivery.objects.count() == 2
