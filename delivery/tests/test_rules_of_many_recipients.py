"""A mail to many is read by the rules once; only what belongs to a recipient is asked of each."""

from typing import Any

import pytest
import re2

from delivery.models import Delivery, Recipient
from delivery.routing.routing import route
from delivery.tests.rules import add_rule, create_ruleset
from delivery.tests.submissions import found, receive

pytestmark = pytest.mark.django_db

RAW = b"Subject: Hello\r\n\r\nInvoice 4711\r\n"


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Each text that a pattern has searched."""
    texts: list[bytes] = []
    compile_pattern = re2.compile

    class Watched:
        def __init__(self, *arguments: Any) -> None:
            self._pattern = compile_pattern(*arguments)

        def search(self, text: bytes, *limits: int) -> Any:
            texts.append(text)
            return self._pattern.search(text, *limits)

    monkeypatch.setattr("rules.patterns.re2.compile", Watched)
    return texts


def _route_to(recipient: Recipient, count: int, raw: bytes = RAW) -> list[Delivery]:
    """In the order of the recipients."""
    addresses = (f"support+{number}@example.com" for number in range(count))
    message = receive(*(found(recipient, address=address) for address in addresses), raw=raw)
    route([message.id])
    return list(Delivery.objects.order_by("id"))


def test_a_hundred_recipients_cost_one_reading(recipient: Recipient, searched: list[bytes]) -> None:
    ruleset = create_ruleset(recipient.domain, stop_on_match=False)
    add_rule(ruleset, "body matches invoice [0-9]+", action="tag", add_tags=["invoice"], order=1)
    add_rule(ruleset, "body matches refund", action="drop", order=2)
    add_rule(ruleset, "subject matches ^hello", action="tag", add_tags=["greeting"], order=3)
    deliveries = _route_to(recipient, 100)
    assert [delivery.tags for delivery in deliveries] == [["invoice", "greeting"]] * 100
    assert searched == [b"Invoice 4711\n", b"Invoice 4711\n", b"Hello"]
    assert searched[0] is searched[1]  # encoded once as well


def test_what_a_limit_hides_is_looked_for_once(recipient: Recipient, searched: list[bytes]) -> None:
    ruleset = create_ruleset(recipient.domain)
    add_rule(ruleset, "body matches refund", action="drop")
    deliveries = _route_to(recipient, 5, b"\r\n" + b"x" * (1024 * 1024 + 1))
    assert {delivery.status for delivery in deliveries} == {Delivery.Status.PENDING}
    assert len(searched) == 1


def test_each_recipient_is_asked_for_himself(recipient: Recipient, searched: list[bytes]) -> None:
    ruleset = create_ruleset(recipient.domain, stop_on_match=False)
    for order, condition in enumerate(
        ["recipient_tag equals 1", "recipient matches 2@", "body matches invoice"]
    ):
        add_rule(ruleset, condition, action="tag", add_tags=[f"rule{order}"], order=order)
    add_rule(ruleset, "tags equals rule0", action="quarantine", order=3)
    deliveries = _route_to(recipient, 3)
    assert [(delivery.tags, delivery.status) for delivery in deliveries] == [
        (["rule2"], "pending"),
        (["rule0", "rule2"], "quarantined"),
        (["rule1", "rule2"], "pending"),
    ]
    addresses = [b"support+%d@example.com" % number for number in range(3)]
    assert sorted(searched) == sorted([b"Invoice 4711\n", *addresses])


def test_a_text_that_an_earlier_match_spared_one_recipient_is_read_for_the_next(
    recipient: Recipient, searched: list[bytes]
) -> None:
    ruleset = create_ruleset(recipient.domain)
    add_rule(ruleset, "recipient_tag equals 0", order=1)
    add_rule(ruleset, "body matches invoice", action="drop", order=2)
    statuses = [delivery.status for delivery in _route_to(recipient, 3)]
    assert statuses == ["pending", "dropped", "dropped"]
    assert len(searched) == 1
