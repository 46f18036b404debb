"""A stored mail comes out at its webhook: a real courier, a real receiver, a real database."""

from base64 import b64decode, b64encode
from hashlib import sha256
from hmac import digest

import pytest
from django.db import transaction
from django.utils import timezone

from delivery.courier.courier import Courier
from delivery.models import Delivery, Endpoint, Message, Recipient
from delivery.models.message import CHUNK_SIZE
from delivery.routing.routing import route
from delivery.tests.courier_steps import send, settled
from delivery.tests.records import create_endpoint
from delivery.tests.submissions import receive
from delivery.tests.waiting_mail import add_due
from delivery.tests.webhook_receiver import Call, Reply, WebhookReceiver
from delivery.transports.webhook import USER_AGENT

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.mariadb,
    pytest.mark.usefixtures("recipient_at_receiver"),
]

Status = Delivery.Status


def _is_signed(call: Call, endpoint: Endpoint) -> bool:
    key = b64decode(endpoint.secret.removeprefix("whsec_"))
    content = ".".join([call.headers["webhook-id"], call.headers["webhook-timestamp"], ""])
    expected = digest(key, content.encode() + call.body, "sha256")
    return call.headers["webhook-signature"] == "v1," + b64encode(expected).decode()


def test_delivered(courier: Courier, receiver: WebhookReceiver, recipient: Recipient) -> None:
    before = int(timezone.now().timestamp())
    message = send(courier, recipient)

    delivery = settled(status=Status.DELIVERED)
    (call,) = receiver.calls
    assert call.path == "/"
    assert call.payload["id"] == str(delivery.id)
    assert call.payload["email_id"] == str(message.id)
    assert call.payload["body_text"] == "It works.\n"
    assert call.headers["content-type"] == "application/json; charset=utf-8"
    assert call.headers["content-length"] == str(len(call.body))
    assert call.headers["user-agent"] == USER_AGENT
    assert call.headers["webhook-id"] == call.headers["x-idempotency-key"] == str(delivery.id)
    assert before <= int(call.headers["webhook-timestamp"]) <= timezone.now().timestamp()
    assert call.headers["fastsmtp-attempt"] == "1"
    assert call.headers["fastsmtp-event"] == "email.received"
    assert call.headers["fastsmtp-message"] == str(message.id)
    assert _is_signed(call, Endpoint.objects.get())

    assert delivery.payload_hash == sha256(call.body).hexdigest()
    assert (delivery.last_status_code, delivery.last_error) == (200, "")
    attempt = delivery.attempt_log.get()
    assert (attempt.outcome, attempt.status_code, attempt.number) == ("delivered", 200, 1)
    assert (attempt.response_excerpt, attempt.resolved_ip) == ("ok", "127.0.0.1")


def test_tried_again_with_the_same_id(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    receiver.answer("/", 500, 404, 200)
    send(courier, recipient)
    delivery = settled(status=Status.DELIVERED)
    assert [call.headers["webhook-id"] for call in receiver.calls] == [str(delivery.id)] * 3
    assert [call.headers["fastsmtp-attempt"] for call in receiver.calls] == ["1", "2", "3"]
    assert all(_is_signed(call, Endpoint.objects.get()) for call in receiver.calls)
    attempts = delivery.attempt_log.order_by("number").values_list("number", "status_code")
    assert list(attempts) == [(1, 500), (2, 404), (3, 200)]
    assert (delivery.tries, delivery.attempts) == (3, 3)


def test_a_message_to_many_recipients(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    sales = Recipient.objects.create(
        domain=recipient.domain, local_part="sales", webhook_url=receiver.url("/sales")
    )
    send(courier, recipient, sales)
    ((support_call,), (sales_call,)) = (
        receiver.wait_for_calls(1, path=path) for path in ("/", "/sales")
    )
    assert support_call.payload["to"] == "support@example.com"
    assert sales_call.payload["to"] == "sales@example.com"
    assert support_call.headers["webhook-id"] != sales_call.headers["webhook-id"]


def test_a_large_message_arrives_intact(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    content = bytes(range(256)) * (2 * CHUNK_SIZE // 256)
    head = b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    raw = head + b64encode(content) + b"\r\n"
    assert len(raw) > 2 * CHUNK_SIZE
    send(courier, recipient, raw=raw)
    (call,) = receiver.wait_for_calls(1)
    (attachment,) = call.payload["attachments"]
    assert b64decode(attachment["content"]) == content
    assert attachment["sha256"] == sha256(content).hexdigest()
    assert call.payload["size"] == len(raw)
    settled(status=Status.DELIVERED)


def test_what_is_due_is_found_without_any_bell(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    """The broker is away: nobody routes, nobody wakes the courier."""
    message = receive(recipient)
    Message.objects.update(route_due_at=timezone.now())
    settled(status=Status.DELIVERED)
    assert receiver.calls[0].payload["email_id"] == str(message.id)


def test_a_deleted_recipient_gets_no_call(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    """Deleted past the queue, which would have cancelled the delivery itself."""
    with transaction.atomic():  # else the courier may find it in between, by itself
        message = receive(recipient)
        woken = route([message.id])
        Recipient.objects.all().delete()
    courier.wake(woken)
    delivery = settled(status=Status.CANCELLED)
    assert delivery.reason == "the recipient was deleted"
    assert delivery.due_at is None
    assert receiver.calls == []


class TestTheHeadersOfARecipient:
    @pytest.fixture
    def trusting(self, recipient: Recipient) -> Recipient:
        recipient.webhook_headers = {"Authorization": "Bearer s3cret", "X-Team": "ops"}
        recipient.save()
        return recipient

    def test_go_to_its_own_url(
        self, courier: Courier, receiver: WebhookReceiver, trusting: Recipient
    ) -> None:
        send(courier, trusting)
        (call,) = receiver.wait_for_calls(1)
        assert call.headers["authorization"] == "Bearer s3cret"
        assert call.headers["x-team"] == "ops"

    def test_go_nowhere_else(
        self, courier: Courier, receiver: WebhookReceiver, trusting: Recipient
    ) -> None:
        """A rule has sent the mail to another URL."""
        elsewhere = create_endpoint(trusting.domain, url=receiver.url("/elsewhere"))
        add_due(trusting, elsewhere)
        courier.wake([elsewhere.id])
        (call,) = receiver.wait_for_calls(1, path="/elsewhere")
        assert "authorization" not in call.headers
        assert "x-team" not in call.headers


@pytest.mark.parametrize(
    "garbage",
    [b"\0\1\2 not HTTP \xff\r\n\r\n", b"HTTP/1.1 2\0\0 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nx\0: \0"],
)
def test_an_answer_that_is_no_http_is_a_failure_like_others(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient, garbage: bytes
) -> None:
    """What the receiver wrote ends in the row, and databases do not take every byte."""
    receiver.answer("/", Reply(raw=garbage), 200)
    send(courier, recipient)
    delivery = settled(status=Status.DELIVERED)
    first, second = delivery.attempt_log.order_by("number")
    assert (first.outcome, first.status_code) == ("failed", None)
    assert first.error
    assert second.status_code == 200


def test_nobody_listens(courier: Courier, recipient: Recipient) -> None:
    recipient.webhook_url = "http://127.0.0.1:9/"
    recipient.save()
    send(courier, recipient)
    delivery = settled(status=Status.FAILED)
    assert delivery.last_error.startswith("cannot connect to 127.0.0.1")
    assert delivery.last_status_code is None


def test_the_excerpt_of_an_answer_is_text(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    receiver.answer("/", Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na\0\xffb"))
    send(courier, recipient)
    delivery = settled(status=Status.DELIVERED)
    assert delivery.attempt_log.get().response_excerpt == "a\ufffd\ufffdb"


def test_an_answer_that_cannot_be_shown_still_counts(
    courier: Courier,
    receiver: WebhookReceiver,
    recipient: Recipient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> str:
        raise RuntimeError("no words for that")

    monkeypatch.setattr("delivery.transports.webhook.mask_in", fail)
    send(courier, recipient)
    delivery = settled(status=Status.DELIVERED)
    attempt = delivery.attempt_log.get()
    assert (attempt.status_code, attempt.response_excerpt) == (200, "")
    assert len(receiver.calls) == 1
