"""The border: what `accept` has committed is complete, and what it refused has left no trace."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from hashlib import sha256
from itertools import cycle, islice

import pytest
from django.db import DatabaseError, connection

from accounts.models import Domain
from delivery.intake.queue import accept, store_large
from delivery.models import Delivery, Message, RawChunk, RawMessage, Recipient
from delivery.models.message import CHUNK_SIZE
from delivery.tests.records import RAW, URL
from delivery.tests.submissions import found, receive, submit
from fastsmtp.config import config

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb]

type CountQueries = Callable[[int], AbstractContextManager[object]]


def _bytes(count: int) -> bytes:
    """Every value of a byte, and no chunk like another."""
    return bytes(islice(cycle(range(251)), count))


@pytest.fixture
def other(domain: Domain) -> Recipient:
    return Recipient.objects.create(domain=domain, local_part="sales", webhook_url=URL)


@pytest.fixture
def foreign() -> Recipient:
    domain = Domain.objects.create(domain_name="example.org")
    return Recipient.objects.create(domain=domain, local_part="info", webhook_url=URL)


def test_all_facts_of_a_transaction_are_stored(recipient: Recipient) -> None:
    submission = submit(
        found(recipient, address="Support+1@example.com"),
        raw=b"From: Ada <ada@example.org>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
        b"Message-ID: <1@example.org>\r\n\r\nIt works.\r\n",
        mail_from="bounces@example.org",
        helo="mx.example.org",
        client_ip="2001:db8::1",
        tls=("TLSv1.3", "TLS_AES_256_GCM_SHA384"),
        smtputf8=True,
        protocol="UTF8SMTPS",
    )
    accept([submission])
    message = Message.objects.get()
    assert message.id == submission.id
    assert message.domain == recipient.domain
    assert message.mail_from == "bounces@example.org"
    assert message.rcpt_to == [["Support+1@example.com", str(recipient.id)]]
    assert message.helo == "mx.example.org"
    assert message.client_ip == "2001:db8::1"
    assert (message.tls_version, message.tls_cipher) == ("TLSv1.3", "TLS_AES_256_GCM_SHA384")
    assert message.smtputf8 is True
    assert message.protocol == "UTF8SMTPS"
    assert message.subject == "Grüße"
    assert message.from_address == "ada@example.org"
    assert message.internet_message_id == "<1@example.org>"
    assert message.instance_id == config().instance_id
    assert message.direction == Message.Direction.INBOUND
    assert (message.dkim_result, message.spf_result) == ("none", "none")
    assert message.route_due_at is not None
    assert message.route_due_at > message.received_at


@pytest.mark.parametrize("raw", [RAW, b"", b"\0\xff\xfe'\\%s\r\n.\r\n", _bytes(CHUNK_SIZE)])
def test_the_bytes_are_stored_as_they_came(recipient: Recipient, raw: bytes) -> None:
    message = receive(recipient, raw=raw)
    stored = RawMessage.objects.get()
    assert message.raw == stored
    assert stored.read() == raw
    assert message.size == stored.size == len(raw)
    assert stored.sha256 == sha256(raw).hexdigest()


def test_recipients_of_one_domain_share_a_message(recipient: Recipient, other: Recipient) -> None:
    message = receive(recipient, other)
    assert [address for address, _ in message.rcpt_to] == [recipient.address, other.address]


def test_two_domains_make_two_messages_that_share_the_bytes(
    recipient: Recipient, other: Recipient, foreign: Recipient
) -> None:
    """Neither tenant learns of the other's recipients."""
    submission = submit(recipient, foreign, other)
    accept([submission])
    ours, theirs = Message.objects.order_by("id")
    assert submission.message_ids == [ours.id, theirs.id]
    assert submission.id == ours.id
    assert (ours.domain, theirs.domain) == (recipient.domain, foreign.domain)
    assert ours.rcpt_to == [
        [recipient.address, str(recipient.id)],
        [other.address, str(other.id)],
    ]
    assert theirs.rcpt_to == [[foreign.address, str(foreign.id)]]
    assert ours.raw == theirs.raw == RawMessage.objects.get()


@pytest.mark.parametrize("count", [1, 50])
def test_a_batch_costs_the_same_few_statements(
    recipient: Recipient, count: int, django_assert_max_num_queries: CountQueries
) -> None:
    """A look for repetitions, three INSERTs, BEGIN and COMMIT."""
    raws = [b"Message-ID: <%d@example.org>\r\n\r\n" % number for number in range(count)]
    with django_assert_max_num_queries(6):
        accept([submit(recipient, raw=raw) for raw in raws])
    assert Message.objects.count() == RawMessage.objects.count() == count


def test_a_batch_is_one_transaction(recipient: Recipient) -> None:
    """One row that the database refuses, and none is stored."""
    good, bad = submit(recipient), submit(recipient)
    bad = replace(bad, messages=good.messages)
    with pytest.raises(DatabaseError):
        accept([good, bad])
    assert not Message.objects.exists()
    assert not RawMessage.objects.exists()
    accept([good])
    assert Message.objects.get().id == good.id


def test_a_large_message_is_stored_in_chunks(recipient: Recipient) -> None:
    raw = _bytes(2 * CHUNK_SIZE + 1)
    message = receive(recipient, raw=raw)
    assert message.raw is not None
    assert message.raw.read() == raw
    assert message.raw.sha256 == sha256(raw).hexdigest()
    assert len(message.raw.content) == CHUNK_SIZE
    assert [len(chunk.content) for chunk in RawChunk.objects.order_by("number")] == [CHUNK_SIZE, 1]


def test_large_and_small_messages_in_one_batch(recipient: Recipient) -> None:
    raws = [RAW, _bytes(CHUNK_SIZE + 1), b"another"]
    batch = [submit(recipient, raw=raw) for raw in raws]
    for submission in batch:
        if submission.is_large:
            store_large(submission)
    accept(batch)
    stored = {message.id: message.raw for message in Message.objects.select_related("raw")}
    for submission, raw in zip(batch, raws, strict=True):
        kept = stored[submission.id]
        assert kept is not None
        assert kept.read() == raw


def test_a_large_message_without_its_bytes_is_refused(recipient: Recipient) -> None:
    with pytest.raises(DatabaseError):
        accept([submit(recipient, raw=_bytes(CHUNK_SIZE + 1))])
    assert not Message.objects.exists()


def test_nothing_is_routed_yet(recipient: Recipient) -> None:
    receive(recipient)
    assert not Delivery.objects.exists()


def test_ids_grow_with_time(recipient: Recipient) -> None:
    ids = [submit(recipient).id for _ in range(20)]
    assert ids == sorted(ids)
    assert {uuid_.version for uuid_ in ids} == {7}


def test_nothing_is_left_open(recipient: Recipient) -> None:
    accept([submit(recipient)])
    assert not connection.in_atomic_block
    assert connection.get_autocommit()
