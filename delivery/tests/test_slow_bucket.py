"""Mail that waits for a slow bucket holds up no other mail."""

from base64 import b64encode

import pytest

from accounts.models import Domain
from delivery.courier.calls import LARGE_BUILDS
from delivery.models import Recipient
from delivery.models.message import SMALL
from delivery.objects.store import UPLOADS
from delivery.tests.bucket_front import BucketFront
from delivery.tests.bucket_server import contents
from delivery.tests.conftest import Start
from delivery.tests.courier_steps import all_delivered, send
from delivery.tests.webhook_receiver import WebhookReceiver
from harness.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = b"Subject: text\r\n\r\nNothing for a bucket.\r\n"


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing goes inline here: what is held is held until the test lets it go."""
    monkeypatch.setattr("delivery.objects.store.PATIENCE", 60.0)
    monkeypatch.setattr("delivery.objects.bucket.READ_TIMEOUT", 60.0)


def with_attachment(size: int) -> bytes:
    head = b"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head + b64encode(bytes(size))


def recipient_at(domain_name: str, receiver: WebhookReceiver, path: str) -> Recipient:
    domain, _ = Domain.objects.get_or_create(domain_name=domain_name)
    return Recipient.objects.create(
        domain=domain, local_part=path.strip("/"), webhook_url=receiver.url(path)
    )


@pytest.mark.parametrize("other_domain", ["example.com", "example.net"])
def test_other_mail_is_called_while_uploads_wait(
    start: Start, front: BucketFront, bucket: str, receiver: WebhookReceiver, other_domain: str
) -> None:
    courier = start(front.url)
    front.hold()
    slow = [recipient_at("example.com", receiver, f"/slow{n}") for n in range(UPLOADS + 1)]
    for recipient in slow:
        send(courier, recipient, raw=with_attachment(10))
    front.wait_for_puts(UPLOADS)
    send(courier, recipient_at(other_domain, receiver, "/other"), raw=TEXT)
    receiver.wait_for_calls(1, path="/other")
    assert [call.path for call in receiver.calls] == ["/other"]
    assert contents(bucket) == {}
    front.let_go()
    wait_until(all_delivered)
    assert len(receiver.calls) == len(contents(bucket)) + 1 == len(slow) + 1
    for call in receiver.calls[1:]:
        assert call.payload["attachments"][0]["storage"] == "s3"


def test_large_mail_is_built_while_other_large_mail_is_uploaded(
    start: Start, front: BucketFront, receiver: WebhookReceiver
) -> None:
    courier = start(front.url)
    front.hold()
    for number in range(LARGE_BUILDS):
        recipient = recipient_at("example.com", receiver, f"/slow{number}")
        send(courier, recipient, raw=with_attachment(SMALL))
    front.wait_for_puts(LARGE_BUILDS)
    text = TEXT + b"x" * SMALL
    send(courier, recipient_at("example.net", receiver, "/other"), raw=text)
    receiver.wait_for_calls(1, path="/other")
    assert [call.path for call in receiver.calls] == ["/other"]
    front.let_go()
    wait_until(all_delivered)
    assert len(receiver.calls) == LARGE_BUILDS + 1
