"""What goes into the bucket, under which key, and what happens when the bucket does not work."""

import asyncio
import socket
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from django.utils import timezone

from delivery.jobs import Job
from delivery.models import Message, Recipient, StoredObject
from delivery.objects import ledger
from delivery.objects.bucket import Bucket
from delivery.objects.contents import Content, attachment_contents, raw_content
from delivery.objects.store import LARGE, Store
from delivery.tests.bucket_front import BucketFront
from delivery.tests.bucket_server import bucket_config, contents, refusing
from delivery.tests.plain_jobs import make_job
from delivery.tests.records import create_message
from fastsmtp.db import release_connection
from fastsmtp.mail.message import parse
from harness.processes import free_port
from harness.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

MAIL = (
    b"Message-ID: <abc123@sender.com>\r\n"
    b'Content-Type: multipart/mixed; boundary="m"\r\n\r\n'
    b"--m\r\nContent-Type: application/pdf; name=invoice.pdf\r\n\r\n%PDF one\r\n"
    b"--m\r\nContent-Type: application/pdf; name=invoice.pdf\r\n\r\n%PDF two\r\n"
    b"--m--\r\n"
)
FOLDER = "attachments/yourdomain.com/abc123@sender.com"


@pytest.fixture
def message(recipient: Recipient) -> Message:
    return create_message(recipient.domain, raw=MAIL)


def job_of(message: Message) -> Job:
    return make_job(message_id=message.id)


def attachments_of(job: Job, raw: bytes = MAIL) -> list[Content]:
    mail = parse(raw)
    return list(
        attachment_contents(
            job, mail.attachments, prefix="attachments", internet_message_id=mail.message_id
        )
    )


async def in_thread(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    def work() -> Any:
        try:
            return function(*args, **kwargs)
        finally:
            release_connection()

    return await asyncio.to_thread(work)


def keep(url: str, *batches: tuple[Job, Sequence[Content]]) -> list[dict[int, StoredObject]]:
    """One store keeps one batch after the other."""

    async def run() -> list[dict[int, StoredObject]]:
        store = Store(Bucket(bucket_config(url), connections=2), in_thread=in_thread)
        try:
            return [await store.keep(job.message_id, batch, in_thread) for job, batch in batches]
        finally:
            store.close()

    return asyncio.run(run())


def test_every_attachment_is_an_object(bucket: str, message: Message) -> None:
    job = job_of(message)
    (rows,) = keep(bucket, (job, attachments_of(job)))
    assert {number: row.key for number, row in rows.items()} == {
        1: f"{FOLDER}/invoice.pdf",
        2: f"{FOLDER}/invoice-2.pdf",
    }
    assert contents(bucket) == {
        f"{FOLDER}/invoice.pdf": b"%PDF one",
        f"{FOLDER}/invoice-2.pdf": b"%PDF two",
    }
    assert StoredObject.objects.filter(stored_at__isnull=False).count() == 2


def test_objects_in_the_bucket_of_before_keep_their_rows(message: Message) -> None:
    """Retention finds what it has to delete there."""
    item = ledger.Reservation(number=1, size=3, sha256="1f", key="a.pdf", spare_key="a-1.pdf")
    for bucket in ("old", "new", "old"):
        assert ledger.reserve(message.id, bucket, [item])[1].bucket == bucket
    assert sorted(StoredObject.objects.values_list("bucket", "key")) == [
        ("new", "a.pdf"),
        ("old", "a.pdf"),
    ]


def test_the_raw_message_is_an_object(bucket: str, message: Message) -> None:
    job = job_of(message)
    (rows,) = keep(bucket, (job, [raw_content(job, MAIL, "raw")]))
    key = f"raw/yourdomain.com/2025/01/06/{message.id}.eml"
    assert contents(bucket) == {key: MAIL}
    assert (rows[0].key, rows[0].size) == (key, len(MAIL))


def test_an_object_is_stored_once(bucket: str, message: Message) -> None:
    """A second attempt, and the delivery to another recipient, refer to what is there."""
    job = job_of(message)
    first, second = keep(bucket, (job, attachments_of(job)), (job, attachments_of(job)))
    assert [row.id for row in first.values()] == [row.id for row in second.values()]
    assert len(contents(bucket)) == StoredObject.objects.count() == 2


class TestALargeMailTakesItsTime:
    """An uplink of 1 MB/s is enough for that, and other people's mail needs the bucket."""

    @pytest.fixture(autouse=True)
    def _fast_uplink(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("delivery.objects.store.SLOWEST", LARGE * 100)

    @pytest.mark.parametrize(("size", "is_paused"), [(10, True), (LARGE, False)])
    def test_only_what_is_small_tells_of_the_bucket(
        self, front: BucketFront, message: Message, size: int, is_paused: bool
    ) -> None:
        front.hold()
        job = job_of(message)

        async def run() -> None:
            store = _impatient(front.url)
            contents = [raw_content(job, MAIL + bytes(size), "raw")]
            assert await store.keep(message.id, contents, in_thread) == {}
            assert store.is_paused is is_paused
            store.close()
            front.let_go()

        asyncio.run(run())

    def test_neither_does_what_waits_beside_it(
        self, front: BucketFront, recipient: Recipient, message: Message
    ) -> None:
        front.hold()
        large = raw_content(job_of(message), MAIL + bytes(LARGE), "raw")
        other = job_of(create_message(recipient.domain, raw=MAIL))

        async def run() -> None:
            store = _impatient(front.url)
            await store.keep(message.id, [large], in_thread)
            await store.keep(other.message_id, [raw_content(other, MAIL, "raw")], in_thread)
            assert not store.is_paused
            store.close()
            front.let_go()

        asyncio.run(run())

    def test_a_large_one_whose_bytes_do_not_move_tells(
        self, front: BucketFront, message: Message, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("delivery.objects.bucket.READ_TIMEOUT", 1.0)
        front.hold()
        large = raw_content(job_of(message), MAIL + bytes(LARGE), "raw")

        async def run() -> None:
            store = _impatient(front.url)
            await store.keep(message.id, [large], in_thread)
            await asyncio.to_thread(wait_until, lambda: store.is_paused)
            store.close()

        asyncio.run(run())


def _impatient(url: str) -> Store:
    return Store(Bucket(bucket_config(url), connections=2), in_thread=in_thread, patience=0.1)


def test_a_key_of_another_message_is_not_touched(
    bucket: str, recipient: Recipient, message: Message
) -> None:
    """A Message-ID is chosen by the sender, so anybody may use one again."""
    other = create_message(recipient.domain)
    forged = MAIL.replace(b"one", b"bad")
    jobs = job_of(message), job_of(other)
    _, rows = keep(
        bucket, (jobs[0], attachments_of(jobs[0])), (jobs[1], attachments_of(jobs[1], forged))
    )
    assert rows[1].key == f"{FOLDER}-{other.id}/invoice.pdf"
    assert contents(bucket)[f"{FOLDER}/invoice.pdf"] == b"%PDF one"
    assert contents(bucket)[rows[1].key] == b"%PDF bad"


def test_links(bucket: str, message: Message) -> None:
    job = job_of(message)
    (rows,) = keep(bucket, (job, attachments_of(job)))
    s3 = Bucket(bucket_config(bucket), connections=1)
    key = rows[1].key
    assert s3.url(key) == f"{bucket}/mails/{key}"
    link = s3.presigned_url(key, seconds=900)
    assert unquote(urlsplit(link).path) == f"/mails/{key}"
    query = parse_qs(urlsplit(link).query)
    assert query["X-Amz-Expires"] == ["900"]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert "secret-of-the-bucket" not in link
    with urllib.request.urlopen(link) as answer:
        assert answer.read() == b"%PDF one"


def test_amazon_is_addressed_by_its_region() -> None:
    bucket = Bucket(bucket_config("", s3_region="us-west-2"), connections=1)
    assert bucket.url("a/b c.pdf") == "https://s3.us-west-2.amazonaws.com/mails/a/b%20c.pdf"
    assert bucket.presigned_url("a", seconds=1).startswith(
        "https://s3.us-west-2.amazonaws.com/mails/a?X-Amz-"
    )


@pytest.mark.parametrize("status", [403, 404, 500, 503, 507])
def test_a_bucket_that_refuses(message: Message, status: int) -> None:
    job = job_of(message)
    with refusing(status) as (url, requests):
        assert keep(url, (job, attachments_of(job))) == [{}]
        assert requests
    assert not StoredObject.objects.filter(stored_at__isnull=False).exists()


def test_nobody_listens(message: Message) -> None:
    job = job_of(message)
    assert keep(f"http://127.0.0.1:{free_port()}", (job, attachments_of(job))) == [{}]


def test_a_bucket_that_hangs_is_left_alone_for_a_while(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("delivery.objects.store.PATIENCE", 0.2)
    monkeypatch.setattr("delivery.objects.bucket.READ_TIMEOUT", 1.0)
    job = job_of(message)
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        url = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        batch = (job, attachments_of(job))
        assert keep(url, batch, batch, batch) == [{}, {}, {}]
        hanging.setblocking(False)
        connections = []
        while True:
            try:
                connections.append(hanging.accept()[0])
            except BlockingIOError:
                break
    assert len(connections) == 2  # the two objects of the first mail
    for connection in connections:
        connection.close()


def test_what_was_reserved_is_stored_when_the_bucket_is_back(bucket: str, message: Message) -> None:
    job = job_of(message)
    nowhere = f"http://127.0.0.1:{free_port()}"
    assert keep(nowhere, (job, attachments_of(job))) == [{}]
    (rows,) = keep(bucket, (job, attachments_of(job)))
    assert set(rows) == {1, 2}
    assert len(contents(bucket)) == 2


def test_what_was_stored_is_told_while_the_bucket_is_away(bucket: str, message: Message) -> None:
    job = job_of(message)
    keep(bucket, (job, attachments_of(job)))
    (rows,) = keep(f"http://127.0.0.1:{free_port()}", (job, attachments_of(job)))
    assert set(rows) == {1, 2}


def test_what_came_late_is_there_for_the_next_attempt(
    bucket: str, message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line too slow for the mail's patience is no reason to upload it again for ever."""
    job = job_of(message)
    monkeypatch.setattr("delivery.objects.store.PATIENCE", 0.0)
    s3 = Bucket(bucket_config(bucket), connections=2)

    async def run() -> dict[int, StoredObject]:
        store = Store(s3, in_thread=in_thread)
        assert await store.keep(job.message_id, attachments_of(job), in_thread) == {}
        await asyncio.gather(*store._late)
        store.close()
        return await Store(s3, in_thread=in_thread).keep(
            job.message_id, attachments_of(job), in_thread
        )

    assert set(asyncio.run(run())) == {1, 2}


def test_while_much_comes_late_nobody_adds_to_it(
    front: BucketFront, recipient: Recipient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes late is held in memory, and no call counts it any longer."""
    monkeypatch.setattr("delivery.objects.store.PATIENCE", 0.2)
    monkeypatch.setattr("delivery.objects.store.PAUSE", 0.0)  # a bucket that is only slow
    monkeypatch.setattr("delivery.objects.store.LATE_BYTES", 64 * 1024)  # a few bytes count so much
    messages = [create_message(recipient.domain, raw=MAIL) for _ in range(4)]

    async def run() -> None:
        store = Store(Bucket(bucket_config(front.url), connections=2), in_thread=in_thread)

        async def keep(message: Message) -> dict[int, StoredObject]:
            contents = attachments_of(job_of(message))[:1]
            return await store.keep(message.id, contents, in_thread)

        front.hold()
        for message in messages[:3]:
            assert await keep(message) == {}
        await asyncio.to_thread(front.wait_for_puts, 1)
        assert len(front.puts) == 1
        front.let_go()
        await asyncio.gather(*store._late)
        store._patience = 30.0
        assert set(await keep(messages[3])) == {1}
        assert len(front.puts) == 2
        store.close()

    asyncio.run(run())


def test_after_a_pause_a_mail_tries_again(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("delivery.objects.store.PAUSE", 0.0)
    job = job_of(message)
    with refusing(503) as (url, requests):
        batch = (job, attachments_of(job)[:1])
        keep(url, batch, batch, batch)
        # The first failed; the second tried when the pause was over, and so did the third.
        assert len(requests) == 3


def test_after_a_pause_one_mail_tries_for_all(front: BucketFront, message: Message) -> None:
    front.refuse(503, "SlowDown")
    one = message.id, attachments_of(job_of(message))[:1], in_thread

    async def run() -> None:
        store = Store(
            Bucket(bucket_config(front.url), connections=2), in_thread=in_thread, patience=30.0
        )
        await store.keep(*one)
        store._paused_until = 0.0  # as if the pause were over
        front.hold()
        mails = [asyncio.create_task(store.keep(*one)) for _ in range(5)]
        for other in islice(asyncio.as_completed(mails), 4):
            assert await other == {}
        front.let_go()
        await asyncio.gather(*mails)
        store.close()

    asyncio.run(run())
    assert len(front.puts) == 2


def test_a_row_that_was_replaced_meanwhile_fails_nobody(message: Message) -> None:
    """Two workers may write our Received field with names of their own."""
    wanted = [content.reserve() for content in attachments_of(job_of(message))]
    before = ledger.reserve(message.id, "mails", wanted)
    changed = [replace(item, sha256="0" * 64) for item in wanted]
    after = ledger.reserve(message.id, "mails", changed)
    ledger.mark_stored(before[1])
    assert not StoredObject.objects.filter(stored_at__isnull=False).exists()
    assert {row.sha256 for row in after.values()} == {"0" * 64}


def test_an_object_of_another_bucket_is_not_told(bucket: str, message: Message) -> None:
    job = job_of(message)
    StoredObject.objects.create(
        message_id=message.id,
        number=1,
        size=8,
        sha256=attachments_of(job)[0].reserve().sha256,
        bucket="before",
        key="a",
        key_hash="a",
        stored_at=timezone.now(),
    )
    (rows,) = keep(bucket, (job, attachments_of(job)))
    assert {row.bucket for row in rows.values()} == {"mails"}
    assert len(contents(bucket)) == 2
