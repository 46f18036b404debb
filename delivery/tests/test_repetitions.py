"""A mail that its client sends again, because it never saw the 250, is stored once."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError

from accounts.models import Domain
from delivery.intake.queue import accept
from delivery.intake.repetitions import WINDOW, forget_old
from delivery.intake.submission import Submission
from delivery.models import Message, RawMessage, Reception, Recipient
from delivery.models.message import CHUNK_SIZE
from delivery.tasks import forget_receptions
from delivery.tests.records import URL
from delivery.tests.submissions import submit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb]

MAIL = b"From: ada@example.org\r\nMessage-ID: <1@example.org>\r\n\r\nIt works.\r\n"


@pytest.fixture
def other(domain: Domain) -> Recipient:
    return Recipient.objects.create(domain=domain, local_part="sales", webhook_url=URL)


def store(*recipients: Recipient, raw: bytes = MAIL, **fields: Any) -> tuple[Submission, object]:
    """A submission, and the id that its sender was told."""
    submission = submit(*recipients, raw=raw, **fields)
    (told,) = accept([submission])
    return submission, told


def grow_old(age: timedelta) -> None:
    for reception in Reception.objects.all():
        Reception.objects.update(received_at=reception.received_at - age)


def test_the_sender_is_told_the_first_id_again(recipient: Recipient) -> None:
    first, told = store(recipient)
    assert told == first.id
    second, told_again = store(recipient)
    assert told_again == first.id != second.id
    assert Message.objects.get().id == first.id
    assert RawMessage.objects.count() == 1


def test_a_repetition_in_the_same_batch(recipient: Recipient) -> None:
    first, other, second = (
        submit(recipient, raw=MAIL),
        submit(recipient, raw=MAIL + b"!\r\n"),
        submit(recipient, raw=MAIL),
    )
    assert accept([first, other, second]) == [first.id, other.id, first.id]
    assert {message.id for message in Message.objects.all()} == {first.id, other.id}


@pytest.mark.parametrize(
    "change",
    [
        {"raw": MAIL + b"\r\n"},
        {"raw": MAIL.replace(b"<1@", b"<2@")},
        {"client_ip": "192.0.2.2"},
        {"mail_from": "bob@example.org"},
    ],
    ids=["content", "Message-ID", "client", "sender"],
)
def test_what_differs_is_no_repetition(recipient: Recipient, change: dict[str, Any]) -> None:
    store(recipient)
    submission, told = store(recipient, **change)
    assert told == submission.id
    assert Message.objects.count() == 2


def test_other_recipients_are_no_repetition(recipient: Recipient, other: Recipient) -> None:
    """RFC 5321 §4.5.4.1: what was refused for some is sent again to those."""
    store(recipient)
    store(other)
    store(recipient, other)
    assert Message.objects.count() == 3


def test_the_order_of_recipients_does_not_matter(recipient: Recipient, other: Recipient) -> None:
    store(recipient, other)
    store(other, recipient)
    assert Message.objects.count() == 1


@pytest.mark.parametrize(
    "header", [b"", b"Message-ID:\r\n", b"Message-ID: \r\n", b"Message-ID: <>\r\n"]
)
def test_without_a_message_id_there_are_no_repetitions(recipient: Recipient, header: bytes) -> None:
    """Devices send identical alerts."""
    for _ in range(3):
        store(recipient, raw=header + b"Subject: Alarm\r\n\r\nIt burns.\r\n")
    assert Message.objects.count() == 3


def test_a_recipient_that_was_made_again_is_another(domain: Domain) -> None:
    for _ in range(2):
        recipient = Recipient.objects.create(domain=domain, local_part="new", webhook_url=URL)
        submission, told = store(recipient)
        assert told == submission.id
        recipient.delete()


def test_a_day_later_it_is_a_new_mail(recipient: Recipient) -> None:
    store(recipient)
    grow_old(WINDOW - timedelta(minutes=1))
    store(recipient)
    assert Message.objects.count() == 1
    grow_old(timedelta(minutes=2))
    again, told = store(recipient)
    assert told == again.id
    assert Message.objects.count() == 2
    _, told = store(recipient)
    assert told == again.id


def test_what_was_not_stored_is_not_remembered(recipient: Recipient) -> None:
    submission = submit(recipient, raw=MAIL)
    without_bytes = submit(recipient, raw=bytes(CHUNK_SIZE + 1))
    with pytest.raises(DatabaseError):
        accept([submission, without_bytes])
    assert not Reception.objects.exists()
    assert accept([submission]) == [submission.id]
    assert Message.objects.get().id == submission.id


def test_old_ones_are_forgotten(recipient: Recipient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("delivery.intake.repetitions.FORGOTTEN_AT_ONCE", 2)
    for number in range(5):
        store(recipient, raw=MAIL.replace(b"<1@", b"<%d@" % number))
    grow_old(WINDOW + timedelta(minutes=1))
    store(recipient, raw=MAIL.replace(b"<1@", b"<new@"))
    assert forget_old() == 5
    assert Reception.objects.count() == 1


def test_beat_makes_them_forgotten(recipient: Recipient) -> None:
    store(recipient)
    grow_old(WINDOW + timedelta(minutes=1))
    forget_receptions(added_by_a_newer_version=True)
    assert not Reception.objects.exists()
