"""What no encryption key opens keeps its call from being made, and is told by name."""

import pytest

from delivery.by_hand.rotation import rotate_secret
from delivery.by_hand.trial import try_endpoint
from delivery.courier.courier import Courier
from delivery.lanes.answers import Kind
from delivery.models import Endpoint, Recipient
from delivery.models.recipient import LOST_HEADERS
from delivery.tests.courier_steps import move, send, settled
from delivery.tests.encryption_keys import lose
from delivery.tests.records import create_endpoint
from delivery.tests.webhook_receiver import WebhookReceiver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb]

LOST = [
    ("endpoints", "secret", "opens this secret; rotate it"),
    ("recipients", "webhook_headers", LOST_HEADERS),
]


@pytest.fixture
def endpoint(recipient: Recipient, receiver: WebhookReceiver) -> Endpoint:
    move(recipient, receiver)
    return create_endpoint(recipient.domain, url=receiver.url())


@pytest.mark.parametrize(("table", "column", "words"), LOST)
def test_a_delivery(
    courier: Courier,
    receiver: WebhookReceiver,
    recipient: Recipient,
    endpoint: Endpoint,
    table: str,
    column: str,
    words: str,
) -> None:
    lose(table, column)
    send(courier, recipient)
    attempt = settled().attempt_log.get(number=1)
    assert attempt.outcome == Kind.BROKEN
    assert words in attempt.error
    assert receiver.calls == []


@pytest.mark.parametrize(("table", "column", "words"), LOST)
def test_an_endpoint_that_is_tried_out(
    receiver: WebhookReceiver, endpoint: Endpoint, table: str, column: str, words: str
) -> None:
    lose(table, column)
    trial = try_endpoint(endpoint)
    assert not trial.success
    assert words in (trial.error or "")
    assert receiver.calls == []


def test_the_secret_before_a_rotation_is_not_needed(
    receiver: WebhookReceiver, endpoint: Endpoint
) -> None:
    rotate_secret(endpoint)
    lose("endpoints", "previous_secret")
    assert try_endpoint(endpoint).success
    (call,) = receiver.calls
    assert len(call.headers["webhook-signature"].split()) == 1
