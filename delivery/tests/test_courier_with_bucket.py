"""From a stored mail to its objects in a bucket and its call, with a real S3 server."""

import urllib.request

import pytest

from accounts.models import Domain
from delivery.models import Delivery, Recipient, StoredObject
from delivery.tests.bucket_server import bucket_config, contents
from delivery.tests.conftest import Start
from delivery.tests.courier_steps import send, settled
from delivery.tests.webhook_receiver import WebhookReceiver
from harness.processes import free_port

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("recipient_at_receiver"),
]

Status = Delivery.Status
MAIL = (
    b"Message-ID: <abc123@sender.com>\r\n"
    b"Content-Type: application/pdf; name=invoice.pdf\r\n\r\n%PDF"
)
KEY = "attachments/example.com/abc123@sender.com/invoice.pdf"


def test_an_attachment_is_told_by_bucket_and_key(
    start: Start, bucket: str, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    send(start(bucket), recipient, raw=MAIL)
    settled(status=Status.DELIVERED)
    (attachment,) = receiver.calls[0].payload["attachments"]
    assert attachment["storage"] == "s3"
    assert attachment["bucket"] == "mails"
    assert attachment["key"] == KEY
    assert attachment["url"] == f"{bucket}/mails/{KEY}"
    assert not attachment.keys() & {"content", "storage_fallback", "omitted_reason"}
    assert contents(bucket) == {KEY: b"%PDF"}


def test_a_presigned_link_works(
    start: Start,
    bucket: str,
    receiver: WebhookReceiver,
    recipient: Recipient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "delivery.bodies.kept.config", lambda: bucket_config(bucket, s3_presigned_urls=True)
    )
    send(start(bucket), recipient, raw=MAIL)
    settled(status=Status.DELIVERED)
    (attachment,) = receiver.calls[0].payload["attachments"]
    with urllib.request.urlopen(attachment["presigned_url"]) as answer:
        assert answer.read() == b"%PDF"
        assert answer.headers["Content-Disposition"] == "attachment"


def test_without_the_bucket_it_goes_inline(
    start: Start, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    send(start(f"http://127.0.0.1:{free_port()}"), recipient, raw=MAIL)
    settled(status=Status.DELIVERED)
    (attachment,) = receiver.calls[0].payload["attachments"]
    assert attachment["storage_fallback"] is True
    assert attachment["content"] == "JVBERg=="
    assert "storage" not in attachment


def test_the_raw_message_is_archived_as_delivered(
    start: Start, bucket: str, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    message = send(
        start(bucket, attachment_storage="inline", preserve_raw_message=True), recipient, raw=MAIL
    )
    settled(status=Status.DELIVERED)
    payload = receiver.calls[0].payload
    key = f"raw/example.com/{message.received_at:%Y/%m/%d}/{message.id}.eml"
    assert payload["raw_message"]["key"] == key
    assert contents(bucket).keys() == {key}
    archived = contents(bucket)[key]
    assert archived.startswith(b"Received: from mx.example.org ([192.0.2.1])\r\n")
    assert archived.endswith(MAIL)
    assert payload["raw_message"]["size"] == len(archived)
    assert payload["attachments"][0]["content"] == "JVBERg=="


@pytest.mark.parametrize("own", [True, False])
def test_a_domain_decides_for_itself(
    start: Start, bucket: str, recipient: Recipient, own: bool
) -> None:
    Domain.objects.update(preserve_raw_message=own)
    send(start(bucket, attachment_storage="inline", preserve_raw_message=not own), recipient)
    settled(status=Status.DELIVERED)
    assert bool(contents(bucket)) is own


def test_where_the_archive_is_required_nothing_is_sent_without_it(
    start: Start, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    send(start(nowhere, preserve_raw_message=True, preserve_raw_required=True), recipient)
    delivery = settled(status=Status.FAILED)
    assert delivery.last_error == "the message could not be archived"
    assert receiver.calls == []
    assert not StoredObject.objects.filter(stored_at__isnull=False).exists()
