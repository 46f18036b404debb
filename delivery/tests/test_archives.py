"""What belongs into the archive gets there whatever becomes of the mail."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Domain
from delivery.by_hand.deletion import delete_domain
from delivery.by_hand.interventions import release
from delivery.models import ArchiveDue, Delivery, Endpoint, Lane, Message, Recipient, StoredObject
from delivery.objects import archives
from delivery.routing.routing import MAX_TRIES, route
from delivery.tests.bucket_front import BucketFront
from delivery.tests.bucket_server import bucket_config, contents
from delivery.tests.conftest import Start
from delivery.tests.courier_steps import send, settled
from delivery.tests.old_mail import add_old, clean
from delivery.tests.rules import add_rule, create_ruleset
from delivery.tests.submissions import receive
from delivery.tests.threads import at_once
from delivery.tests.webhook_receiver import WebhookReceiver
from harness.waiting import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("recipient_at_receiver"),
]

type Configure = Callable[..., None]

Status = Delivery.Status
NOWHERE = "http://127.0.0.1:9"
MAIL = b"From: ada@example.org\r\nSubject: Keep me\r\n\r\nFor ever.\r\n"
LARGE = MAIL + b"x" * 1_500_000
ALL = {"attachment_storage": "inline", "preserve_raw_message": True}
SOME = {**ALL, "preserve_raw_message": False}


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("delivery.objects.archivist.INTERVAL", 0.05)


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Configure:
    """What routing sees; a courier has settings of its own."""

    def run(**changes: Any) -> None:
        settings = bucket_config(NOWHERE, **changes)
        monkeypatch.setattr("delivery.objects.archives.config", lambda: settings)

    return run


def key_of(message: Message) -> str:
    return f"raw/example.com/{message.received_at:%Y/%m/%d}/{message.id}.eml"


def make_due() -> None:
    """As if the time of a call, or of a worker that died, were over."""
    ArchiveDue.objects.update(due_at=timezone.now() - timedelta(seconds=1))


def assert_archived(bucket: str, message: Message, raw: bytes = MAIL) -> None:
    wait_until(lambda: not ArchiveDue.objects.exists())
    stored = contents(bucket)
    assert stored.keys() == {key_of(message)}
    archived = stored[key_of(message)]
    assert archived.startswith(b"Received: from mx.example.org ([192.0.2.1])\r\n")
    assert archived.endswith(raw)
    row = StoredObject.objects.get()
    assert (row.number, row.size) == (StoredObject.RAW, len(archived))
    assert row.stored_at is not None


@pytest.mark.parametrize("raw", [MAIL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("action", ["drop", "quarantine", "forward", "tag"])
def test_a_rule_with_any_action_archives(
    configure: Configure, start: Start, bucket: str, recipient: Recipient, action: str, raw: bytes
) -> None:
    configure(**SOME)
    add_rule(
        create_ruleset(recipient.domain),
        "subject contains Keep",
        action=action,
        preserve_raw=True,
        add_tags=["x"],
    )
    message = send(start(bucket, **SOME), recipient, raw=raw)
    assert_archived(bucket, message, raw)
    expected = {"drop": Status.DROPPED, "quarantine": Status.QUARANTINED}
    if action in expected:
        assert Delivery.objects.get().status == expected[action]
    else:
        settled(status=Status.DELIVERED)


@pytest.mark.parametrize(
    ("server", "own", "is_archived"),
    [(True, None, True), (False, True, True), (True, False, False), (False, None, False)],
)
@pytest.mark.parametrize("action", ["drop", "quarantine", "forward"])
def test_the_policy_holds_for_every_message(
    configure: Configure,
    recipient: Recipient,
    action: str,
    server: bool,
    own: bool | None,
    is_archived: bool,
) -> None:
    configure(**{**ALL, "preserve_raw_message": server})
    Domain.objects.update(preserve_raw_message=own)
    add_rule(create_ruleset(recipient.domain), "subject exists", action=action)
    route([receive(recipient).id])
    assert ArchiveDue.objects.exists() is is_archived


def test_one_row_for_all_recipients_and_a_call_goes_first(
    configure: Configure, recipient: Recipient
) -> None:
    configure(**ALL)
    other = Recipient.objects.create(
        domain=recipient.domain, local_part="other", webhook_url=recipient.webhook_url
    )
    add_rule(create_ruleset(recipient.domain), "recipient starts_with other", action="drop")
    before = timezone.now()
    route([receive(recipient, other).id])
    assert ArchiveDue.objects.get().due_at >= before + archives.GRACE
    ArchiveDue.objects.all().delete()
    route([receive(other).id])
    assert ArchiveDue.objects.get().due_at < before + archives.GRACE


def test_without_a_bucket_nothing_is_owed(recipient: Recipient) -> None:
    add_rule(create_ruleset(recipient.domain), "subject exists", action="drop", preserve_raw=True)
    message = receive(recipient)
    route([message.id])
    assert not ArchiveDue.objects.exists()
    assert message in Message.objects.exclude(archives.is_owed())


def test_a_message_that_cannot_be_routed_is_archived_too(
    configure: Configure, recipient: Recipient
) -> None:
    configure(**ALL)
    message = receive(recipient)
    Message.objects.update(rcpt_to="nonsense", route_tries=MAX_TRIES)
    route([message.id])
    assert Delivery.objects.get().reason == "routing_error"
    (owed,) = archives.claim(10)
    assert (owed.message_id, owed.domain_name) == (message.id, "example.com")


def test_the_domain_is_deleted_before_the_message_is_archived(
    configure: Configure, start: Start, bucket: str, recipient: Recipient
) -> None:
    configure(**ALL)
    first, second = receive(recipient), receive(recipient, raw=b"Subject: 2\r\n\r\n")
    route([first.id])
    delete_domain(recipient.domain)
    route([second.id])
    make_due()
    start(bucket, **ALL)
    wait_until(lambda: not ArchiveDue.objects.exists())
    assert contents(bucket).keys() == {key_of(first), key_of(second)}


def test_what_is_released_refers_to_the_object_that_is_there(
    configure: Configure,
    start: Start,
    front: BucketFront,
    bucket: str,
    receiver: WebhookReceiver,
    recipient: Recipient,
) -> None:
    """It is the same key and the same bytes, or it would be stored again."""
    configure(**ALL)
    add_rule(create_ruleset(recipient.domain), "subject exists", action="quarantine")
    courier = start(front.url, **ALL)
    message = send(courier, recipient, raw=MAIL)
    assert_archived(bucket, message)
    release([Delivery.objects.get().id])
    courier.wake(Lane.objects.values_list("pk", flat=True))
    settled(status=Status.DELIVERED)
    assert receiver.calls[0].payload["raw_message"]["key"] == key_of(message)
    assert front.puts == [f"/mails/{key_of(message)}"]


def test_what_was_delivered_while_the_bucket_was_full_is_archived_later(
    configure: Configure,
    start: Start,
    front: BucketFront,
    bucket: str,
    recipient: Recipient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("delivery.objects.store.PAUSE", 0.0)
    monkeypatch.setattr("delivery.objects.archives.LEASE", timedelta(0))
    monkeypatch.setattr("delivery.lanes.schedule.LONGEST_ARCHIVE_WAIT", timedelta(milliseconds=50))
    configure(**ALL)
    front.refuse(507, "InsufficientStorage")
    message = send(start(front.url, **ALL), recipient, raw=MAIL)
    settled(status=Status.DELIVERED)
    make_due()
    wait_until(lambda: ArchiveDue.objects.get().tries > 3)
    front.work()
    assert_archived(bucket, message)


def test_a_bucket_that_is_away_is_not_asked_by_every_message(
    configure: Configure,
    start: Start,
    front: BucketFront,
    recipient: Recipient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    configure(**ALL)
    add_rule(create_ruleset(recipient.domain), "subject exists", action="drop")
    front.refuse(503, "SlowDown")
    front.hold()  # no refusal comes before all have asked who ask at once
    route([receive(recipient, raw=MAIL + b"%d" % number).id for number in range(20)])
    start(front.url, **ALL)
    front.wait_for_puts(4)
    front.let_go()
    wait_until(lambda: "the bucket fails" in caplog.text)
    assert ArchiveDue.objects.filter(tries__gt=0).count() == len(front.puts) == 4
    assert ArchiveDue.objects.count() == 20


def test_a_backlog_leaves_the_bucket_to_mail_that_is_delivered(
    configure: Configure,
    start: Start,
    front: BucketFront,
    receiver: WebhookReceiver,
    recipient: Recipient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its uploads hang; mail with an attachment gets a thread, and mail without one a call."""
    monkeypatch.setattr("delivery.objects.bucket.READ_TIMEOUT", 60.0)
    configure(**ALL)
    Domain.objects.update(preserve_raw_message=True)
    add_rule(create_ruleset(recipient.domain), "subject contains Keep", action="drop")
    route([receive(recipient, raw=MAIL + b"%d" % number).id for number in range(20)])
    front.hold()
    courier = start(front.url)
    front.wait_for_puts(4)
    Domain.objects.update(preserve_raw_message=False)
    send(courier, recipient, raw=b"Content-Type: application/pdf; name=a.pdf\r\n\r\n%PDF")
    front.wait_for_puts(5)
    assert front.puts[4].startswith("/mails/attachments/")
    send(courier, recipient, raw=b"Subject: text\r\n\r\n")
    receiver.wait_for_calls(1)
    assert receiver.calls[0].payload["subject"] == "text"
    front.let_go()
    wait_until(lambda: not ArchiveDue.objects.exists())


@pytest.mark.mariadb
def test_two_workers_share_the_work(configure: Configure, recipient: Recipient) -> None:
    configure(**ALL)
    route([receive(recipient, raw=MAIL + b"%d" % number).id for number in range(8)])
    make_due()
    batches = at_once(*[lambda: archives.claim(4)] * 2)
    claimed = [mail.message_id for batch in batches for mail in batch]
    assert len(set(claimed)) == len(claimed)
    claimed += [mail.message_id for mail in archives.claim(10)]
    assert len(set(claimed)) == len(claimed) == 8
    assert archives.claim(10) == []


def test_a_worker_that_died_leaves_it_to_the_next_one(
    configure: Configure, start: Start, bucket: str, recipient: Recipient
) -> None:
    configure(**ALL)
    message = receive(recipient, raw=MAIL)
    route([message.id])
    Lane.objects.update(state=Lane.State.DISABLED)
    make_due()
    assert len(archives.claim(10)) == 1
    before = timezone.now()
    assert ArchiveDue.objects.get().due_at > before + archives.LEASE / 2
    make_due()
    start(bucket, **ALL)
    assert_archived(bucket, message)
    assert Delivery.objects.get().status == Status.PENDING


def test_bytes_that_are_gone_are_no_longer_owed(
    configure: Configure,
    start: Start,
    bucket: str,
    recipient: Recipient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    configure(**ALL)
    gone, there = receive(recipient), receive(recipient, raw=MAIL)
    route([gone.id, there.id])
    Lane.objects.update(state=Lane.State.DISABLED)
    Message.objects.filter(id=gone.id).update(raw=None)
    make_due()
    start(bucket, **ALL)
    assert_archived(bucket, there)
    assert f"message {gone.id} cannot be archived: its bytes are gone" in caplog.text


@pytest.mark.mariadb
def test_retention_leaves_what_is_owed(
    configure: Configure, recipient: Recipient, endpoint: Endpoint
) -> None:
    """Its bytes and its message, however old; without a bucket nobody would ever fetch them."""
    configure(**ALL)
    free, owed = (add_old(recipient, endpoint, days=100).message for _ in range(2))
    ArchiveDue.objects.create(message=owed, domain_name="example.com", due_at=timezone.now())
    clean()
    assert Message.objects.get() == owed
    assert Message.objects.get().raw is not None
    configure(s3_bucket="")
    clean()
    assert not Message.objects.exists()
