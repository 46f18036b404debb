"""An object that outlives its message is not overwritten by a later mail with the same key."""

import pytest

from delivery.jobs import Job
from delivery.models import Message, Recipient, StoredObject
from delivery.tests.bucket_front import BucketFront
from delivery.tests.bucket_server import contents
from delivery.tests.records import create_message
from delivery.tests.test_object_store import FOLDER, MAIL, attachments_of, job_of, keep

pytestmark = pytest.mark.django_db(transaction=True)

KEY = f"{FOLDER}/invoice.pdf"
LATER = MAIL.replace(b"one", b"two")


@pytest.fixture
def job(recipient: Recipient) -> Job:
    return job_of(create_message(recipient.domain))


def keep_first(url: str, job: Job, raw: bytes = MAIL) -> str | None:
    """The key of the first attachment, if it was stored."""
    (rows,) = keep(url, (job, attachments_of(job, raw)[:1]))
    return rows[1].key if rows else None


def test_a_later_mail_gets_another_key(
    front: BucketFront, bucket: str, recipient: Recipient, job: Job
) -> None:
    assert keep_first(front.url, job) == KEY
    Message.objects.all().delete()
    assert not StoredObject.objects.exists()
    later = job_of(create_message(recipient.domain))
    spare = f"{FOLDER}-{later.message_id}/invoice.pdf"
    assert keep_first(front.url, later, LATER) == spare
    assert contents(bucket) == {KEY: b"%PDF one", spare: b"%PDF two"}
    row = StoredObject.objects.get()
    assert (row.key, row.stored_at is not None) == (spare, True)


def test_an_object_whose_answer_was_lost_is_ours(front: BucketFront, bucket: str, job: Job) -> None:
    front.lose_answers()
    assert keep_first(front.url, job) is None
    assert contents(bucket) == {KEY: b"%PDF one"}
    front.work()
    assert keep_first(front.url, job) == KEY
    assert contents(bucket) == {KEY: b"%PDF one"}


def test_a_server_that_knows_no_conditions(front: BucketFront, bucket: str, job: Job) -> None:
    front.forget_conditions()
    assert keep_first(front.url, job) == KEY
    assert contents(bucket) == {KEY: b"%PDF one"}
    assert len(front.puts) == 2
