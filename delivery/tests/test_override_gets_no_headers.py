"""A rule's URL never gets the headers that the recipient's own URL is trusted with."""

import pytest

from delivery.courier import Courier
from delivery.models import Delivery, Recipient
from delivery.tests.courier_steps import move, send, settled
from delivery.tests.rules import add_rule, create_ruleset
from delivery.tests.webhook_receiver import WebhookReceiver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb]


@pytest.mark.parametrize(("path", "key"), [("/other", None), ("/own", "s3cret")])
def test_headers(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient, path: str, key: str | None
) -> None:
    recipient.webhook_headers = {"X-Key": "s3cret"}
    move(recipient, receiver, "/own")
    ruleset = create_ruleset(recipient.domain)
    add_rule(ruleset, "subject exists", webhook_url_override=receiver.url(path))
    send(courier, recipient)
    settled(status=Delivery.Status.DELIVERED)
    (call,) = receiver.calls
    assert call.path == path
    assert call.headers.get("x-key") == key
