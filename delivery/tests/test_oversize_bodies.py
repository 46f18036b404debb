"""A receiver that cannot take a large body gets a smaller one, with links instead of contents."""

from base64 import b64encode

import pytest

from delivery.courier.courier import Courier
from delivery.lanes.answers import OVERSIZE_FAILURES, SUSPICIOUS_SIZE, Kind, count_oversize
from delivery.models import Delivery, Endpoint, Recipient
from delivery.tests.courier_steps import move, send, settled
from delivery.tests.outcomes import record_one
from delivery.tests.waiting_mail import add_due, claim_one
from delivery.tests.webhook_receiver import Reply, WebhookReceiver

Status = Delivery.Status
LARGE = SUSPICIOUS_SIZE + 1
MAIL = (
    b"Content-Type: application/pdf; name=large.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + b64encode(bytes(LARGE))
    + b"\r\n"
)
CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"


@pytest.mark.parametrize(
    ("count", "status", "was_reset", "size", "expected"),
    [
        (0, 413, False, 1, 2),
        (0, 500, False, LARGE, 1),
        (1, 400, False, LARGE, 2),
        (1, None, True, LARGE, 2),
        (1, 500, False, LARGE - 1, 0),
        (1, 404, False, LARGE, 0),
        (1, None, False, LARGE, 0),
        (1, 200, False, LARGE, 0),
        (2, 500, False, 1, 2),
        (2, 404, False, 1, 2),
    ],
)
def test_what_makes_a_body_suspicious(
    count: int, status: int | None, was_reset: bool, size: int, expected: int
) -> None:
    assert count_oversize(count, status=status, was_reset=was_reset, body_size=size) == expected


@pytest.mark.django_db
@pytest.mark.mariadb
def test_too_large_is_tried_again_at_once_and_then_slowly(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    add_due(recipient, endpoint)
    first = record_one(claim_one(endpoint), Kind.SLOW, status_code=413)
    assert first.due_at == first.outcome.finished_at
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.oversize_failures) == (Status.FAILED, OVERSIZE_FAILURES)
    job = claim_one(endpoint)
    assert job.wants_links
    second = record_one(job, Kind.SLOW, status_code=413)
    assert second.due_at is not None
    assert second.due_at > second.outcome.finished_at


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "replies",
    [[Reply(413)], [Reply(500), Reply(500)], [Reply(500), Reply(raw=CUT)]],
    ids=["413", "500 twice", "500 and a reset"],
)
def test_the_next_body_carries_links(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient, replies: list[Reply]
) -> None:
    receiver.answer("/", *replies, Reply(200))
    send(courier, move(recipient, receiver), raw=MAIL)
    settled(status=Status.DELIVERED)
    *large, small = receiver.calls
    assert len(large) == len(replies)
    for call in large:
        assert call.payload["attachments"][0]["content"]
    (attachment,) = small.payload["attachments"]
    assert "content" not in attachment
    assert attachment["omitted_reason"] == "payload_limit"
    assert attachment["size"] == LARGE
    assert attachment["download_url"]
    assert small.headers["webhook-id"] == large[0].headers["webhook-id"]
