"""`/domains/{id}/rules/test`: the verdict and the trace, and nothing else happens."""

from typing import Any

import pytest

from accounts.models import Domain
from delivery.models import Delivery, Message, Recipient
from delivery.tests.records import RAW
from delivery.tests.rules import add_rule, create_ruleset
from delivery.tests.submissions import receive
from fastsmtp.api.tests.caller import call, post
from fastsmtp.ids import uuid7
from rules.models import Rule

pytestmark = pytest.mark.django_db


@pytest.fixture
def rules(domain: Domain) -> list[Rule]:
    ruleset = create_ruleset(domain, "Spam")
    return [
        add_rule(ruleset, "header:Subject greater_than 1", action="drop", order=1),
        add_rule(ruleset, "body matches nothing", action="drop", order=2),
        add_rule(ruleset, "subject equals Hello", action="quarantine", add_tags=["x"], order=3),
        add_rule(ruleset, "recipient exists", action="drop", order=4),
    ]


def _test(domain: Domain, body: Any) -> Any:
    return post(f"/domains/{domain.id}/rules/test", body)


def _steps(body: Any) -> list[tuple[str, list[str], str | None]]:
    return [(step["result"], step["looked_at"], step["error"]) for step in body["trace"]]


EXPECTED = [
    ("error", ["Hello"], "it is not a number"),
    ("not_matched", ["It works.\n"], None),
    ("matched", ["hello"], None),
    ("skipped", [], None),
]


def test_a_stored_message(domain: Domain, recipient: Recipient, rules: list[Rule]) -> None:
    message = receive(recipient)
    response = _test(domain, {"email_id": str(message.id)})
    assert response.status_code == 200
    body = response.json()
    assert body["recipient"] == recipient.address
    assert body["verdict"] == {
        "action": "quarantine",
        "reason": "rule: Spam/3 subject equals Hello",
        "tags": ["x"],
        "webhook_url_override": None,
        "preserve_raw": False,
    }
    assert [step["rule_id"] for step in body["trace"]] == [str(rule.id) for rule in rules]
    assert _steps(body) == EXPECTED
    assert not Delivery.objects.exists()
    message.refresh_from_db()
    assert message.route_due_at is not None


def test_a_mail_that_is_sent_along(domain: Domain, rules: list[Rule]) -> None:
    body = _test(domain, {"raw": RAW.decode(), "recipient": "a+b@example.com"}).json()
    assert body["recipient"] == "a+b@example.com"
    assert [
        (step["result"], step["looked_at"], step["error"]) for step in body["trace"]
    ] == EXPECTED
    assert not Message.objects.exists()


def test_what_was_looked_at_is_shortened(domain: Domain) -> None:
    add_rule(create_ruleset(domain), "body contains z")
    body = _test(domain, {"raw": "Subject: a\n\n" + "é" * 300}).json()
    assert body["trace"][0]["looked_at"] == ["é" * 200 + "…"]


def test_bytes_that_are_gone(domain: Domain, recipient: Recipient, rules: list[Rule]) -> None:
    message = receive(recipient)
    Message.objects.update(raw=None)
    trace = _test(domain, {"email_id": str(message.id)}).json()["trace"]
    assert trace[1]["error"] == "the raw message is not there"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email_id": "1"},
        {"email_id": str(uuid7()), "raw": "a"},
        {"raw": None},
        {"raw": ["a"]},
        {"raw": "a\0"},
        {"raw": "a", "recipient": "x" * 321},
        [],
    ],
)
def test_a_body_that_is_refused(domain: Domain, body: Any) -> None:
    assert _test(domain, body).status_code == 422


def test_messages_of_others_do_not_exist(domain: Domain, recipient: Recipient) -> None:
    message = receive(recipient)
    other = Domain.objects.create(domain_name="example.org")
    assert _test(other, {"email_id": str(message.id)}).status_code == 404
    assert _test(domain, {"email_id": str(uuid7())}).status_code == 404


def test_without_a_key(domain: Domain) -> None:
    path = f"/domains/{domain.id}/rules/test"
    assert call("POST", path, {"raw": "a"}, key="wrong").status_code == 401
