"""However deliveries are made, the archive is owed its messages, and people hear of quarantine."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import Domain
from delivery.models import ArchiveDue, Delivery, Endpoint, EventNote, Message, Recipient
from delivery.routing import delivery_rows, verdicts
from delivery.routing.routing import MAX_TRIES, route
from delivery.tests.bucket_server import bucket_config
from delivery.tests.events import told
from delivery.tests.replaying import add_many, run_to_end, start
from delivery.tests.rules import add_rule, create_ruleset
from delivery.tests.submissions import receive
from delivery.tests.sweeping import sweep_now

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

Status = Delivery.Status

type Make = Callable[[Recipient, Endpoint], Message]


@pytest.fixture(autouse=True)
def _with_a_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = bucket_config("http://127.0.0.1:9", preserve_raw_message=True)
    monkeypatch.setattr("delivery.objects.archives.config", lambda: settings)


def _by_routing(recipient: Recipient, endpoint: Endpoint) -> Message:
    message = receive(recipient)
    route([message.id])
    return message


def _by_a_replay(recipient: Recipient, endpoint: Endpoint) -> Message:
    """That asks the rules again."""
    add_many(recipient, endpoint, 1, status=Status.DROPPED)
    run_to_end(start(recipient, statuses=("dropped",), reevaluate_rules=True))
    return Message.objects.get()


EVERY_WAY = pytest.mark.parametrize("make", [_by_routing, _by_a_replay])


@EVERY_WAY
@pytest.mark.parametrize("action", ["forward", "drop", "quarantine"])
def test_the_archive_is_owed(
    recipient: Recipient, endpoint: Endpoint, make: Make, action: str
) -> None:
    add_rule(create_ruleset(recipient.domain), "subject exists", action=action)
    message = make(recipient, endpoint)
    assert ArchiveDue.objects.get().message == message


@EVERY_WAY
def test_only_what_the_rules_of_now_want(
    recipient: Recipient, endpoint: Endpoint, make: Make
) -> None:
    Domain.objects.update(preserve_raw_message=False)
    make(recipient, endpoint)
    assert not ArchiveDue.objects.exists()


@EVERY_WAY
def test_quarantine_is_told(recipient: Recipient, endpoint: Endpoint, make: Make) -> None:
    add_rule(create_ruleset(recipient.domain), "subject exists", action="quarantine")
    make(recipient, endpoint)
    assert told(3) == [("message.quarantined", 1)]


@EVERY_WAY
def test_all_of_it_or_nothing(
    recipient: Recipient, endpoint: Endpoint, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a process dies before the commit."""
    add_rule(create_ruleset(recipient.domain), "subject exists", action="quarantine")
    store = delivery_rows.store

    class Killed(BaseException):
        pass

    def store_and_die(*arguments: Any) -> None:
        store(*arguments)
        raise Killed

    monkeypatch.setattr("delivery.routing.delivery_rows.store", store_and_die)
    with pytest.raises(Killed):
        make(recipient, endpoint)
    assert not Delivery.objects.exclude(status=Status.DROPPED).exists()
    assert not ArchiveDue.objects.exists()
    assert not EventNote.objects.exists()


def test_one_that_cannot_be_routed(recipient: Recipient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("indigestible")

    monkeypatch.setattr(verdicts, "decide", fail)
    message = receive(recipient)
    for _ in range(MAX_TRIES):
        sweep_now()
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.reason) == (Status.QUARANTINED, "routing_error")
    assert ArchiveDue.objects.get().message == message
    assert told(3) == [("message.quarantined", 1)]
