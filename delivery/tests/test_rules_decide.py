"""The rules of a domain decide what becomes of its mail, from the next mail on."""

from functools import partial

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from structlog.testing import capture_logs

from accounts.models import Domain
from delivery.by_hand.deletion import delete_recipient
from delivery.models import Delivery, Endpoint, Message, RawMessage, Recipient
from delivery.models.message import SMALL
from delivery.routing.routing import route
from delivery.tests.records import RAW, URL
from delivery.tests.rules import add_rule, create_ruleset
from delivery.tests.submissions import found, ids_of, receive
from delivery.tests.threads import at_once
from fastsmtp.config import config
from fastsmtp.mail.message import ParsedMessage
from rules.models import Rule, RuleSet

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

Status = Delivery.Status
OTHER_URL = "http://127.0.0.1:9/other"
FORGED = b"Authentication-Results: %s; dkim=pass\r\n"


def _decide(recipient: Recipient, raw: bytes = RAW) -> Delivery:
    message = receive(recipient, raw=raw)
    route([message.id])
    return Delivery.objects.get(message=message)


def _queries(messages: list[Message]) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        route(ids_of(messages))
    return [query["sql"] for query in captured]


def _about(table: str, queries: list[str]) -> list[str]:
    return [sql for sql in queries if table in sql]


@pytest.mark.parametrize(
    ("action", "status"), [("drop", Status.DROPPED), ("quarantine", Status.QUARANTINED)]
)
def test_a_mail_that_is_not_sent_says_why(
    recipient: Recipient, action: str, status: Status
) -> None:
    ruleset = create_ruleset(recipient.domain, "Spam")
    add_rule(ruleset, "body contains works", action=action, order=3, add_tags=["spam"])
    delivery = _decide(recipient)
    assert (delivery.status, delivery.due_at) == (status, None)
    assert delivery.reason == "rule: Spam/3 body contains works"
    assert delivery.tags == ["spam"]
    assert not delivery.preserve_raw
    # What is quarantined can be released to where it was going.
    assert delivery.endpoint is not None
    assert delivery.webhook_url == delivery.endpoint.url == URL


def test_a_reason_is_cut_to_what_its_column_holds(recipient: Recipient) -> None:
    add_rule(create_ruleset(recipient.domain, "x" * 255), "subject exists", action="drop")
    assert _decide(recipient).reason == "rule: " + "x" * 249


def test_a_mail_that_is_sent(recipient: Recipient) -> None:
    ruleset = create_ruleset(recipient.domain, stop_on_match=False)
    add_rule(ruleset, "subject equals hello", webhook_url_override=OTHER_URL, preserve_raw=True)
    add_rule(ruleset, "subject exists", action="tag", add_tags=["b", "a"], order=1)
    delivery = _decide(recipient)
    assert (delivery.status, delivery.reason) == (Status.PENDING, "")
    assert delivery.tags == ["b", "a"]
    assert delivery.preserve_raw
    assert delivery.endpoint is not None
    assert delivery.webhook_url == delivery.endpoint.url == OTHER_URL


def test_mail_of_a_deleted_recipient_is_sent_nowhere_else(recipient: Recipient) -> None:
    add_rule(create_ruleset(recipient.domain), "subject exists", webhook_url_override=OTHER_URL)
    message = receive(recipient)
    delete_recipient(recipient)
    route([message.id])
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.due_at) == (Status.CANCELLED, None)
    assert not Endpoint.objects.exists()


def test_each_recipient_has_a_verdict_of_its_own(recipient: Recipient) -> None:
    add_rule(create_ruleset(recipient.domain), "recipient_tag equals spam", action="drop")
    message = receive(recipient, found(recipient, address="support+spam@example.com"))
    route([message.id])
    statuses = Delivery.objects.order_by("id").values_list("status", flat=True)
    assert list(statuses) == [Status.PENDING, Status.DROPPED]


def test_priority_then_name_then_order(recipient: Recipient) -> None:
    sets = [("b", 1), ("a", 1), ("c", 9)]
    for name, priority in sets:
        ruleset = create_ruleset(recipient.domain, name, priority=priority, stop_on_match=False)
        for order in (2, 1):
            add_rule(
                ruleset, "subject exists", action="tag", add_tags=[f"{name}{order}"], order=order
            )
    assert _decide(recipient).tags == ["c1", "c2", "a1", "a2", "b1", "b2"]


def test_rules_are_those_of_the_domain(recipient: Recipient) -> None:
    foreign = Recipient.objects.create(
        domain=Domain.objects.create(domain_name="example.org"), webhook_url=URL
    )
    add_rule(create_ruleset(foreign.domain), "subject exists", action="drop")
    messages = [receive(recipient), receive(foreign)]
    route(ids_of(messages))
    ours, theirs = (Delivery.objects.get(message=message) for message in messages)
    assert (ours.status, theirs.status) == (Status.PENDING, Status.DROPPED)


def test_a_change_holds_from_the_next_mail_on(recipient: Recipient) -> None:
    assert _decide(recipient).status == Status.PENDING
    rule = add_rule(create_ruleset(recipient.domain), "subject exists", action="drop")
    assert _decide(recipient).status == Status.DROPPED
    Rule.objects.filter(id=rule.id).update(action="quarantine")
    assert _decide(recipient).status == Status.QUARANTINED
    RuleSet.objects.update(is_enabled=False)
    assert _decide(recipient).status == Status.PENDING
    RuleSet.objects.update(is_enabled=True)
    assert _decide(recipient).status == Status.QUARANTINED
    rule.delete()
    assert _decide(recipient).status == Status.PENDING


def test_rules_see_our_results_and_nobody_elses_in_our_name(recipient: Recipient) -> None:
    ruleset = create_ruleset(recipient.domain)
    add_rule(ruleset, "header:authentication-results exists", action="drop")
    forged = FORGED % config().our_hostname.encode()
    assert _decide(recipient, forged + RAW).status == Status.PENDING
    message = receive(recipient)
    Message.objects.filter(id=message.id).update(authentication_results="mx; spf=pass")
    route([message.id])
    assert Delivery.objects.get(message=message).status == Status.DROPPED


def test_a_rule_that_cannot_be_evaluated_is_logged_and_the_mail_delivered(
    recipient: Recipient,
) -> None:
    ruleset = create_ruleset(recipient.domain, "Spam")
    add_rule(ruleset, "header:Subject greater_than 5", action="drop", order=1)
    # As it may have been stored before words were checked.
    Rule.objects.create(
        ruleset=ruleset, field="subject", operator="matches", value="(", action="drop", order=2
    )
    with capture_logs() as logs:
        delivery = _decide(recipient)
    assert delivery.status == Status.PENDING
    first, second = [entry for entry in logs if entry["event"] == "rule_failed"]
    assert first["rule"] == "Spam/1 header:Subject greater_than 5"
    assert first["error"] == "it is not a number"  # no subject stands in the log
    assert first["message"] == str(delivery.message_id)
    assert second["error"].startswith("value: is not an RE2 pattern")


def test_a_rule_about_bytes_that_are_gone_is_an_error_too(recipient: Recipient) -> None:
    add_rule(create_ruleset(recipient.domain), "body not_contains x", action="drop")
    message = receive(recipient)
    Message.objects.filter(id=message.id).update(raw=None)
    with capture_logs() as logs:
        route([message.id])
    assert Delivery.objects.get().status == Status.PENDING
    assert "the raw message is not there" in [entry.get("error") for entry in logs]


def test_a_fault_of_ours_is_an_error_of_its_rule_alone(
    recipient: Recipient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(ParsedMessage, "body_text", property(fail))
    ruleset = create_ruleset(recipient.domain, "Spam", stop_on_match=False)
    add_rule(ruleset, "body contains works", action="drop", order=1)
    add_rule(ruleset, "subject equals Hello", action="tag", add_tags=["seen"], order=2)
    with capture_logs() as logs:
        delivery = _decide(recipient)
    assert (delivery.status, delivery.tags) == (Status.PENDING, ["seen"])
    (entry,) = [entry for entry in logs if entry["event"] == "rule_failed"]
    assert entry["rule"] == "Spam/1 body contains works"
    assert entry["error"] == "internal error (RuntimeError)"
    assert "RuntimeError: broken" in caplog.text


def test_an_outage_is_no_error_of_a_rule(
    recipient: Recipient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mail waits, instead of being delivered without having been judged."""

    def fail(_: object) -> None:
        raise OperationalError("the connection is closed")

    add_rule(create_ruleset(recipient.domain), "body contains works", action="drop")
    message = receive(recipient)
    with monkeypatch.context() as patch:
        patch.setattr(RawMessage, "read", fail)
        with pytest.raises(OperationalError):
            route([message.id])
    assert not Delivery.objects.exists()
    route([message.id])
    assert Delivery.objects.get().status == Status.DROPPED


@pytest.mark.django_db(transaction=True)
def test_nothing_is_locked_while_a_mail_is_read(
    recipient: Recipient, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks = []
    read = RawMessage.read

    def watch(raw: RawMessage) -> bytes | None:
        locks.append(connection.in_atomic_block)
        return read(raw)

    monkeypatch.setattr(RawMessage, "read", watch)
    add_rule(create_ruleset(recipient.domain), "body contains works", action="drop")
    assert _decide(recipient).status == Status.DROPPED
    assert locks == [False]


@pytest.mark.django_db(transaction=True)
def test_two_that_judge_a_mail_log_it_once(recipient: Recipient) -> None:
    add_rule(create_ruleset(recipient.domain), "header:Subject greater_than 5", action="drop")
    ids = ids_of([receive(recipient) for _ in range(20)])
    with capture_logs() as logs:
        at_once(partial(route, ids), partial(route, ids))
    failed = [entry["message"] for entry in logs if entry["event"] == "rule_failed"]
    assert sorted(failed) == sorted(map(str, ids))
    assert Delivery.objects.count() == len(ids)


def test_a_large_message_is_looked_into(recipient: Recipient) -> None:
    add_rule(create_ruleset(recipient.domain), "body contains needle", action="drop")
    assert _decide(recipient, RAW + b"x\r\n" * SMALL + b"needle").status == Status.DROPPED


def test_bytes_are_read_only_when_a_rule_looks_into_them(recipient: Recipient) -> None:
    ruleset = create_ruleset(recipient.domain)
    for condition in ("subject contains Z", "from equals a@b", "size less_than 1", "tags equals a"):
        add_rule(ruleset, condition, action="drop")
    assert not _about("raw_messages", _queries([receive(recipient) for _ in range(3)]))
    add_rule(ruleset, "from contains Z", action="drop")
    assert len(_about("raw_messages", _queries([receive(recipient) for _ in range(3)]))) == 1


def test_rules_of_many_domains_cost_two_queries_once_and_then_one(recipient: Recipient) -> None:
    domains = [Domain.objects.create(domain_name=f"d{number}.example") for number in range(5)]
    recipients = [Recipient.objects.create(domain=domain, webhook_url=URL) for domain in domains]
    for domain in domains[:2]:
        add_rule(create_ruleset(domain), "subject contains Z", action="drop")
    batch = partial(map, receive, [recipient, *recipients])
    assert len(_about("rule", first := _queries(list(batch())))) == 1
    assert len(_about("directory_version", first)) == 1
    assert not _about("rule", second := _queries(list(batch())))
    assert len(_about("directory_version", second)) == 1
