"""A bucket that takes nothing more: mail goes on without it or, if it must be archived, waits."""

from datetime import timedelta

import pytest

from delivery.courier.advice import advice_for
from delivery.models import Attempt, Delivery, Recipient, StoredObject
from delivery.tests.bucket_front import BucketFront
from delivery.tests.bucket_server import contents
from delivery.tests.conftest import Start
from delivery.tests.courier_steps import send, settled
from delivery.tests.webhook_receiver import WebhookReceiver
from harness.waiting import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("recipient_at_receiver"),
]

Status = Delivery.Status
MAIL = b"Content-Type: application/pdf; name=invoice.pdf\r\n\r\n%PDF"
FULL = pytest.mark.parametrize(
    ("status", "code"),
    [(507, "InsufficientStorage"), (400, "QuotaExceeded"), (403, "AccessDenied")],
)


@FULL
def test_the_attachment_goes_inline(
    start: Start,
    front: BucketFront,
    receiver: WebhookReceiver,
    recipient: Recipient,
    status: int,
    code: str,
) -> None:
    front.refuse(status, code)
    send(start(front.url), recipient, raw=MAIL)
    delivery = settled(status=Status.DELIVERED)
    assert (delivery.tries, delivery.last_error) == (1, "")
    (attachment,) = receiver.calls[0].payload["attachments"]
    assert attachment["storage_fallback"] is True
    assert attachment["content"] == "JVBERg=="
    assert not attachment.keys() & {"storage", "bucket", "key", "omitted_reason"}
    assert len(front.puts) == 1
    assert not StoredObject.objects.filter(stored_at__isnull=False).exists()


@FULL
def test_what_must_be_archived_waits_and_is_delivered_when_there_is_room(
    start: Start,
    front: BucketFront,
    bucket: str,
    receiver: WebhookReceiver,
    recipient: Recipient,
    status: int,
    code: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many times it is tried: there are more of them here than places in the schedule."""
    monkeypatch.setattr("delivery.objects.store.PAUSE", 0.0)
    monkeypatch.setattr("delivery.lanes.schedule.LONGEST_ARCHIVE_WAIT", timedelta(milliseconds=50))
    front.refuse(status, code)
    courier = start(front.url, preserve_raw_message=True, preserve_raw_required=True)
    message = send(courier, recipient, raw=MAIL)
    wait_until(lambda: Attempt.objects.count() > 10)
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.last_error) == (
        Status.FAILED,
        "the message could not be archived",
    )
    assert delivery.tries <= 1
    assert "PRESERVE_RAW_REQUIRED" in advice_for(delivery)
    assert receiver.calls == []
    front.work()
    settled(status=Status.DELIVERED)
    (call,) = receiver.calls
    key = call.payload["raw_message"]["key"]
    assert str(message.id) in key
    assert contents(bucket)[key].endswith(MAIL)
    assert set(Attempt.objects.values_list("outcome", flat=True)) == {"not_archived", "delivered"}
