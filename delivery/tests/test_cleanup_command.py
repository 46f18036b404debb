"""`cleanup`: tells what it deleted; with `--dry-run` what it would, and then it deletes nothing."""

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from delivery.models import Delivery, Endpoint, Lane, Lease, Message, Recipient, Upload
from delivery.retention.cleanup import JOB
from delivery.retention.lease import HeldLease
from delivery.tests.bucket_server import bucket_config, fill
from delivery.tests.old_mail import (
    add_object,
    add_old,
    add_old_event,
    add_old_message,
    add_old_replay,
    count_rows,
)
from delivery.tests.records import create_attempt, create_endpoint
from fastsmtp.config import config
from fastsmtp.ids import uuid7

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

Status = Delivery.Status


def cleanup(*arguments: str) -> dict[str, int]:
    """The rows of the table."""
    output = io.StringIO()
    call_command("cleanup", *arguments, stdout=output, stderr=io.StringIO())
    rows = [line.rsplit(maxsplit=1) for line in output.getvalue().splitlines()[1:]]
    return {text: int(count) for text, count in rows if count != "0"}


def _fill(recipient: Recipient, endpoint: Endpoint) -> list[str]:
    """Some of everything; the keys of what is in the bucket."""
    now = timezone.now()
    statuses = [Status.DELIVERED, Status.EXHAUSTED, Status.DROPPED, Status.QUARANTINED]
    for days in (1, 8, 31, 91):
        for status in statuses:
            add_old(recipient, endpoint, days=days, status=status)
        add_old(recipient, endpoint, days=days, status=Status.PENDING, due_at=now)
        add_old_message(recipient.domain, days=days)
        # Finished long after it came: its log may go before it does.
        add_old(recipient, endpoint, days=days + 60, updated_at=now - timedelta(days=days))
    closed = create_endpoint(recipient.domain, url="http://127.0.0.1:9/closed")
    Lane.objects.filter(pk=closed.pk).update(state=Lane.State.DISABLED, due_at=now)
    add_old(recipient, closed, days=31, status=Status.PENDING, due_at=now - timedelta(days=31))
    create_attempt(add_old(recipient, endpoint, days=31), number=2)
    objects = [
        add_object(add_old(recipient, endpoint, days=31).message, is_stored=is_stored)
        for is_stored in (True, False)
    ]
    Upload.objects.create(raw_id=uuid7(), started_at=now - timedelta(days=2))
    for days in (1, 8, 31, 91):
        add_old_replay(recipient.domain, days=days, items=4)
        add_old_event(recipient.domain, days=days)
    return [row.key for row in objects]


AGES = [
    ["--raw=7"],
    ["--raw=7", "--log=5"],
    ["--messages=5", "--log=40"],
    ["--messages=0", "--raw=1", "--log=0"],
    ["--held=0", "--quarantined=0"],
    [],
]


@pytest.mark.parametrize("ages", AGES, ids=" ".join)
def test_a_dry_run_counts_what_the_next_one_deletes(
    recipient: Recipient,
    endpoint: Endpoint,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    ages: list[str],
) -> None:
    monkeypatch.setattr("delivery.retention.walk.PAGE", 3)
    monkeypatch.setattr("delivery.retention.cleanup.config", lambda: bucket_config(bucket))
    fill(bucket, *_fill(recipient, endpoint))
    before = count_rows(), set(Delivery.objects.values_list("id", "status", "updated_at"))
    expected = cleanup("--dry-run", *ages)
    after = count_rows(), set(Delivery.objects.values_list("id", "status", "updated_at"))
    assert after == before
    assert expected
    assert cleanup(*ages) == expected


def test_the_table(recipient: Recipient, endpoint: Endpoint) -> None:
    add_old(recipient, endpoint, days=31)
    output = io.StringIO()
    call_command("cleanup", stdout=output)
    assert output.getvalue().splitlines() == [
        "was                                  rows",
        "held deliveries discarded            0",
        "quarantined deliveries discarded     0",
        "deliveries deleted                   1",
        "attempts deleted                     1",
        "raw messages deleted                 1",
        "abandoned uploads deleted            0",
        "attachments deleted from the bucket  0",
        "messages deleted                     1",
        "replays deleted                      0",
        "entries of replays deleted           0",
        "events deleted                       0",
        "notes for events deleted             0",
        "incidents of what is gone deleted    0",
    ]


def test_ages_of_the_configuration_count(
    recipient: Recipient, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_old(recipient, endpoint, days=3)
    changes = {"message_retention_days": 2, "delivery_log_retention_days": 2}
    ours = config().model_copy(update=changes)
    monkeypatch.setattr("delivery.management.commands.cleanup.config", lambda: ours)
    assert not cleanup("--dry-run", "--messages=4", "--log=4")
    cleanup()
    assert not Message.objects.exists()


@pytest.mark.parametrize("days", ["-1", "x", "1.5", "36501", ""])
def test_what_is_no_age(days: str) -> None:
    with pytest.raises(CommandError, match=r"is not a number of days \(0 to 36500\)"):
        cleanup(f"--messages={days}")


def test_what_the_bucket_keeps_is_an_error(recipient: Recipient, endpoint: Endpoint) -> None:
    add_object(add_old(recipient, endpoint, days=31).message)
    with pytest.raises(CommandError, match=r"^1 attachments could not be deleted .* configured\."):
        cleanup()
    assert Message.objects.exists()


def test_progress_is_told(
    recipient: Recipient, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("delivery.management.commands.cleanup.PROGRESS_INTERVAL", 0.0)
    add_old(recipient, endpoint, days=31)
    errors = io.StringIO()
    call_command("cleanup", stdout=io.StringIO(), stderr=errors)
    assert "1 rows so far …" in errors.getvalue()


class TestOneAtATime:
    def test_another_is_at_work(self, recipient: Recipient, endpoint: Endpoint) -> None:
        add_old(recipient, endpoint, days=31)
        with HeldLease(JOB):
            with pytest.raises(CommandError, match="Another cleanup is at work"):
                cleanup()
            assert cleanup("--dry-run")["messages deleted"] == 1
        assert Message.objects.exists()
        assert cleanup()["messages deleted"] == 1

    def test_another_died(self, recipient: Recipient, endpoint: Endpoint) -> None:
        add_old(recipient, endpoint, days=31)
        Lease.objects.create(job=JOB, holder=uuid7(), until=timezone.now() - timedelta(seconds=1))
        assert cleanup()["messages deleted"] == 1

    def test_another_took_over(
        self, recipient: Recipient, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """We were asleep for too long."""
        monkeypatch.setattr("delivery.retention.walk.PAGE", 1)
        for _ in range(3):
            add_old(recipient, endpoint, days=31)

        def take(*_: Any) -> None:
            Lease.objects.update(holder=uuid7())

        monkeypatch.setattr("delivery.management.commands.cleanup.Command._tell", take)
        with pytest.raises(CommandError, match="Another cleanup is at work"):
            cleanup()
        assert Message.objects.count() == 3
        assert Lease.objects.get().holder is not None
