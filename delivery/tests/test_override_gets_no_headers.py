"""A rule's URL never gets the headers that the recipient's own URL is trusted with."""

import pytest

from delivery.courier.courier import Courier
from delivery.models import Delivery, Recipient
from delivery.tests.courier_steps import move, send, settled
from delivery.tests.encryption_keys import lose
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


def test_headers_that_no_key_opens_do_not_keep_an_override_from_its_mail(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    """It never gets them, so what it answers counts."""
    recipient.webhook_headers = {"X-Key": "s3cret"}
    move(recipient, receiver, "/own")
    lose("recipients", "webhook_headers")
    add_rule(
        create_ruleset(recipient.domain),
        "subject exists",
        webhook_url_override=receiver.url("/other"),
    )
    send(courier, recipient)
    delivery = settled(status=Delivery.Status.DELIVERED)
    assert len(receiver.calls) == delivery.attempt_log.count() == 1
