"""The bytes go when no message needs them, large ones bit by bit."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Domain
from delivery.intake.queue import accept, store_large
from delivery.jobs import load_raw
from delivery.models import Delivery, Endpoint, Message, RawChunk, RawMessage, Recipient, Upload
from delivery.models.message import CHUNK_SIZE
from delivery.routing.routing import route
from delivery.tests.old_mail import add_old, clean
from delivery.tests.records import RAW, URL, create_endpoint
from delivery.tests.submissions import receive, submit
from delivery.tests.threads import run_into
from fastsmtp.ids import uuid7

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

Status = Delivery.Status

LARGE = b"From: ada@example.org\r\n\r\n" + bytes(3 * CHUNK_SIZE)
WITH_ID = b"Message-ID: <1@example.org>\r\n" + LARGE


@pytest.fixture
def elsewhere() -> Recipient:
    domain = Domain.objects.create(domain_name="example.net")
    return Recipient.objects.create(domain=domain, local_part="info", webhook_url=URL)


def _grow_old(*messages: Message, days: float) -> None:
    """All that a mail has, as if it had come so long ago."""
    at = timezone.now() - timedelta(days=days)
    ids = [message.id for message in messages]
    RawMessage.objects.filter(messages__in=ids).update(created_at=at)
    Delivery.objects.filter(message_id__in=ids).update(created_at=at, updated_at=at)
    Message.objects.filter(id__in=ids).update(received_at=at)


def _share(*recipients: Recipient, raw: bytes = RAW) -> list[Message]:
    """One mail to recipients of several domains, routed and delivered."""
    receive(*recipients, raw=raw)
    messages = list(Message.objects.order_by("pk"))
    route([message.id for message in messages])
    Delivery.objects.update(status=Status.DELIVERED, due_at=None)
    return messages


@pytest.mark.parametrize("waiting", [0, 1])
def test_bytes_that_two_domains_share(
    recipient: Recipient, elsewhere: Recipient, waiting: int
) -> None:
    messages = _share(recipient, elsewhere)
    Delivery.objects.filter(message=messages[waiting]).update(
        status=Status.FAILED, due_at=timezone.now()
    )
    _grow_old(*messages, days=31)
    assert clean() == {"messages": 1, "deliveries": 1}
    left = Message.objects.get()
    assert left == messages[waiting]
    assert left.raw is not None
    assert left.raw.read() == RAW
    Delivery.objects.update(status=Status.DELIVERED, due_at=None)
    assert clean() == {"raw_messages": 1, "messages": 1, "deliveries": 1}


def test_a_message_that_came_later_in_the_other_domain_counts(
    recipient: Recipient, elsewhere: Recipient
) -> None:
    older, younger = _share(recipient, elsewhere)
    _grow_old(older, younger, days=31)
    Delivery.objects.filter(message=younger).update(updated_at=timezone.now())
    assert clean() == {"messages": 1, "deliveries": 1}
    assert RawMessage.objects.exists()


def test_a_large_message_goes_bit_by_bit(
    recipient: Recipient, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("delivery.retention.raws.BYTES_AT_ONCE", CHUNK_SIZE)
    message = receive(recipient, raw=LARGE)
    route([message.id])
    Delivery.objects.update(status=Status.DELIVERED, due_at=None)
    _grow_old(message, days=8)
    small = add_old(recipient, endpoint, days=8)
    assert RawChunk.objects.count() == 3
    with CaptureQueriesContext(connection) as queries:
        assert clean() == {"raw_messages": 2}
    deletions = [query["sql"] for query in queries if "DELETE" in query["sql"]]
    assert len([sql for sql in deletions if "raw_chunks" in sql]) == 3
    assert len([sql for sql in deletions if "raw_messages" in sql]) == 2
    assert not [query for query in queries if '"content"' in query["sql"]]
    assert not RawChunk.objects.exists()
    for id in (message.id, small.message_id):
        assert Message.objects.get(id=id).raw is None


def test_who_reads_meanwhile_gets_nothing_rather_than_a_part(recipient: Recipient) -> None:
    message = receive(recipient, raw=LARGE)
    raw = RawMessage.objects.get()
    RawChunk.objects.filter(number=3).delete()
    assert raw.read() is None
    assert load_raw(message.id) is None


def test_what_a_crash_left_without_a_message(recipient: Recipient, endpoint: Endpoint) -> None:
    delivery = add_old(recipient, endpoint, days=8)
    Message.objects.filter(id=delivery.message_id).update(raw=None)
    assert clean() == {"raw_messages": 1}


@pytest.mark.django_db(transaction=True)
def test_made_due_again_while_its_bytes_are_let_go(domain: Domain, recipient: Recipient) -> None:
    """Its lock is waited for, and then it is looked at again."""
    if not connection.features.has_select_for_update:
        pytest.skip("one writer at a time")
    endpoint = create_endpoint(domain)
    delivery = add_old(recipient, endpoint, days=8)

    def retry() -> None:
        Delivery.objects.filter(id=delivery.id).update(status=Status.PENDING, due_at=timezone.now())

    assert run_into(retry, clean) == {}
    assert RawMessage.objects.exists()


class TestUploads:
    def test_committing_the_message_ends_it(self, recipient: Recipient) -> None:
        submission = submit(recipient, raw=LARGE)
        store_large(submission)
        assert Upload.objects.get().raw_id == submission.raw_id
        accept([submission])
        assert not Upload.objects.exists()

    def test_one_without_a_message(self, recipient: Recipient) -> None:
        store_large(submit(recipient, raw=LARGE))
        assert clean() == {}
        Upload.objects.update(started_at=timezone.now() - timedelta(days=1, minutes=1))
        assert clean() == {"uploads": 1}
        assert not RawMessage.objects.exists()
        assert not RawChunk.objects.exists()

    def test_a_repetition(self, recipient: Recipient) -> None:
        first, second = submit(recipient, raw=WITH_ID), submit(recipient, raw=WITH_ID)
        for submission in (first, second):
            store_large(submission)
        accept([first])
        accept([second])
        assert Upload.objects.get().raw_id == second.raw_id
        Upload.objects.update(started_at=timezone.now() - timedelta(days=2))
        assert clean() == {"uploads": 1}
        assert RawMessage.objects.get().id == first.raw_id

    def test_cut_off_before_the_first_byte(self) -> None:
        Upload.objects.create(raw_id=uuid7(), started_at=timezone.now() - timedelta(days=2))
        assert clean() == {"uploads": 1}

    def test_one_whose_message_is_there_after_all(
        self, recipient: Recipient, endpoint: Endpoint
    ) -> None:
        """An older version committed it."""
        message = add_old(recipient, endpoint, days=2).message
        assert message.raw_id is not None
        Upload.objects.create(raw_id=message.raw_id, started_at=timezone.now() - timedelta(days=2))
        assert clean() == {"uploads": 1}
        assert RawMessage.objects.exists()
