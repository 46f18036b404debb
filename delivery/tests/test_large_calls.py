"""Large mail to a receiver that takes its time."""

import uuid
from datetime import timedelta

import pytest

from delivery import jobs
from delivery.courier import calls, claims
from delivery.courier.calls import LARGE_CALLS, QUICK, _is_quick
from delivery.courier.courier import Courier
from delivery.models import Delivery, Recipient
from delivery.models.message import SMALL
from delivery.tests.courier_steps import all_delivered, move, send
from delivery.tests.webhook_receiver import WebhookReceiver
from harness.waiting import wait_until

LARGE = b"Subject: large\r\n\r\n" + b"x" * (SMALL + 1)


@pytest.mark.django_db(transaction=True)
def test_what_waits_for_its_turn_is_neither_loaded_nor_built(
    courier: Courier,
    receiver: WebhookReceiver,
    recipient: Recipient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Until its claim is nearly over: then it is given back, and claimed again."""
    loaded: list[uuid.UUID] = []
    load = jobs.load_raw

    def note(message_id: uuid.UUID) -> bytes | None:
        loaded.append(message_id)
        return load(message_id)

    monkeypatch.setattr(jobs, "load_raw", note)
    for module in (claims, calls):
        monkeypatch.setattr(module, "MARGIN", timedelta(seconds=3))
    move(recipient, receiver)
    for _ in range(LARGE_CALLS):  # an endpoint that answers gets more calls at once
        send(courier, recipient)
    wait_until(all_delivered)
    receiver.calls.clear()
    receiver.hang("/")
    for _ in range(LARGE_CALLS + 1):
        send(courier, recipient, raw=LARGE)
    receiver.wait_for_calls(LARGE_CALLS)
    waiting = Delivery.objects.exclude(message__in=loaded).filter(claim_id__isnull=False)
    first = wait_until(lambda: waiting.values_list("claim_id", flat=True).first())
    wait_until(lambda: waiting.exclude(claim_id=first).exists())
    assert len(loaded) == LARGE_CALLS
    receiver.let_go("/")
    wait_until(all_delivered)
    assert len(loaded) == len(receiver.calls) == LARGE_CALLS + 1


@pytest.mark.parametrize(
    ("raw", "is_quick"),
    [
        (b"Subject: x\r\n\r\n" + b"Hello, world\r\n" * 400, True),
        (b"Content-Type: text/html\r\n\r\n" + b"<p>Hello</p>" * 200, True),
        (b"\r\n\r\n" + b"x" * QUICK, False),
        (b"Content-Type: multipart/mixed; boundary=q\r\n\r\n" + b"--q\n\n" * 100, False),
        (b"Content-Type: text/html\r\n\r\n" + b"<b>x" * 1000, False),
        (b"Cc: " + b"a@b," * 1000, False),
        (b"Content-Type: application/octet-stream; name=invite.ICS\r\n\r\nx", False),
    ],
)
def test_what_is_built_on_the_event_loop(raw: bytes, is_quick: bool) -> None:
    assert _is_quick(raw) is is_quick
