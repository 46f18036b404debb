"""What of a mail is still there, by the state of its delivery and its age."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Domain
from delivery.by_hand.deletion import delete_domain
from delivery.models import Attempt, Delivery, Endpoint, Lane, Message, RawMessage, Recipient
from delivery.tests.old_mail import AGES, add_old, add_old_message, clean, count_rows
from delivery.tests.records import create_delivery
from fastsmtp.ids import uuid7

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

Status = Delivery.Status

ALL = {"raw", "delivery", "message"}
WITHOUT_BYTES = {"delivery", "message"}
MESSAGE = {"message"}
NOTHING: set[str] = set()

# Messages are kept for 30 days, their bytes for 7, the log for 14.
FINISHED = [(6, ALL), (8, WITHOUT_BYTES), (13, WITHOUT_BYTES), (15, MESSAGE), (31, NOTHING)]
TABLE = [
    *[
        (status, days, kept)
        for status in (Status.DELIVERED, Status.DROPPED, Status.DISCARDED, Status.CANCELLED)
        for days, kept in FINISHED
    ],
    *[(Status.EXHAUSTED, days, kept) for days, kept in [(8, ALL), (29, ALL), (31, NOTHING)]],
    *[
        (status, days, ALL)
        for status in (Status.PENDING, Status.FAILED)
        for days in (8, 15, 31, 4000)
    ],
    *[(Status.QUARANTINED, days, ALL) for days in (8, 15, 31, 89)],
]


def kept() -> set[str]:
    tables = {"raw": RawMessage, "delivery": Delivery, "message": Message}
    return {name for name, table in tables.items() if table._default_manager.exists()}


@pytest.mark.parametrize(("status", "days", "expected"), TABLE)
def test_by_state_and_age(
    recipient: Recipient, endpoint: Endpoint, status: Status, days: int, expected: set[str]
) -> None:
    due_at = timezone.now() if status in Delivery.OPEN else None
    add_old(recipient, endpoint, days=days, status=status, due_at=due_at)
    clean()
    assert kept() == expected
    assert Attempt.objects.exists() is ("delivery" in expected)
    assert clean() == {}


def test_a_state_that_only_a_newer_version_knows_is_kept(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    add_old(recipient, endpoint, days=4000)
    Delivery.objects.update(status="simmering")
    clean()
    assert kept() == ALL


@pytest.mark.parametrize(("days", "expected"), [(6, {"raw", "message"}), (8, MESSAGE), (31, set())])
def test_a_message_without_a_log(domain: Domain, days: int, expected: set[str]) -> None:
    add_old_message(domain, days=days)
    clean()
    assert kept() == expected


def test_a_message_that_was_never_routed_is_kept(domain: Domain) -> None:
    add_old_message(domain, days=4000, route_due_at=timezone.now())
    assert clean() == {}
    assert kept() == {"raw", "message"}


def test_ages_count_from_the_last_change(recipient: Recipient, endpoint: Endpoint) -> None:
    """Delivered by hand yesterday, a month after it came."""
    add_old(recipient, endpoint, days=60, updated_at=timezone.now() - timedelta(days=1))
    assert clean() == {}


def test_one_recipient_is_enough_to_keep_a_mail(
    recipient: Recipient, endpoint: Endpoint, domain: Domain
) -> None:
    delivery = add_old(recipient, endpoint, days=31)
    other = Recipient.objects.create(domain=domain, local_part="sales", webhook_url=endpoint.url)
    waiting = create_delivery(delivery.message, other, endpoint, due_at=timezone.now())
    assert clean() == {"deliveries": 1, "attempts": 1}
    assert Delivery.objects.get() == waiting
    assert kept() == ALL


def test_a_delivery_that_is_being_sent_is_kept(recipient: Recipient, endpoint: Endpoint) -> None:
    now = timezone.now()
    claim: dict[str, Any] = {"claim_id": uuid7(), "claimed_until": now + timedelta(minutes=1)}
    add_old(recipient, endpoint, days=400, status=Status.PENDING, due_at=now, **claim)
    assert clean() == {}


def test_mail_of_a_deleted_domain_has_the_same_ages(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    add_old(recipient, endpoint, days=6)
    add_old(recipient, endpoint, days=31)
    delete_domain(recipient.domain)
    Message.objects.update(domain=None)
    clean()
    assert (Message.objects.count(), Delivery.objects.count()) == (1, 1)


def test_every_domain_is_visited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("delivery.retention.walk.PAGE", 2)
    for number in range(4):
        domain = Domain.objects.create(domain_name=f"d{number}.example")
        recipient = Recipient.objects.create(domain=domain, webhook_url="http://127.0.0.1:9/")
        endpoint = Endpoint.objects.create(domain=domain, url="http://127.0.0.1:9/")
        Lane.objects.create(endpoint=endpoint)
        for _ in range(number):
            add_old(recipient, endpoint, days=31)
        add_old(recipient, endpoint, days=31, status=Status.PENDING, due_at=timezone.now())
    assert clean()["messages"] == 6
    assert Message.objects.count() == 4


def test_many_of_the_same_moment(
    recipient: Recipient, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page may end in the middle of a commit."""
    monkeypatch.setattr("delivery.retention.walk.PAGE", 2)
    for _ in range(7):
        add_old(recipient, endpoint, days=31)
    at = timezone.now() - timedelta(days=31)
    for table, column in ((Message, "received_at"), (Delivery, "created_at")):
        table._default_manager.update(**{column: at})
    RawMessage.objects.update(created_at=at)
    assert clean() == {"raw_messages": 7, "messages": 7, "deliveries": 7, "attempts": 7}


def test_for_ever(recipient: Recipient, endpoint: Endpoint) -> None:
    add_old(recipient, endpoint, days=10_000)
    before = count_rows()
    clean(replace(AGES, messages=0, raw=0, log=0))
    assert count_rows() == before


def test_a_longer_log_keeps_the_message_it_tells_of(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    add_old(recipient, endpoint, days=31)
    clean(replace(AGES, log=90))
    assert kept() == WITHOUT_BYTES
