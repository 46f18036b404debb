"""A cleanup that is killed anywhere has lost nothing and left nothing: the next one goes on."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from delivery.models import Delivery, Lease, Message, RawMessage, Recipient, StoredObject
from delivery.tests.bucket_server import BUCKET, bucket_config, contents, fill
from delivery.tests.database_url import database_url
from delivery.tests.old_mail import add_object, add_old, clean, count_rows
from delivery.tests.records import create_endpoint
from fastsmtp.config import config
from fastsmtp.crash import CrashPoint

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb]

ROOT = Path(__file__).parents[2]
DAYS = ("--messages=30", "--raw=7", "--log=14", "--held=40", "--quarantined=90")


@pytest.fixture
def bucket(bucket: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("delivery.retention.cleanup.config", lambda: bucket_config(bucket))
    return bucket


def _killed_cleanup(bucket: str, *, at: str) -> None:
    environment = {
        "FASTSMTP_CRASH_AT": at,
        "FASTSMTP_DATABASE_URL": database_url(),
        "FASTSMTP_REDIS_URL": config().broker_url,
        "FASTSMTP_S3_ENDPOINT_URL": bucket,
        "FASTSMTP_S3_BUCKET": BUCKET,
        "FASTSMTP_S3_ACCESS_KEY": "access",
        "FASTSMTP_S3_SECRET_KEY": "secret-of-the-bucket",
    }
    ended = subprocess.run(
        [sys.executable, "manage.py", "cleanup", *DAYS],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "fastsmtp.settings", **environment},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    # Its lease is over two minutes later.
    Lease.objects.update(until=timezone.now() - timedelta(seconds=1))


@pytest.mark.parametrize(
    "point", ["after_detaching", "after_deleting_objects", "after_cleanup_batch"]
)
def test_a_crash(recipient: Recipient, bucket: str, point: CrashPoint) -> None:
    endpoint = create_endpoint(recipient.domain)
    add_old(recipient, endpoint, days=1)
    young = count_rows()
    row = add_object(add_old(recipient, endpoint, days=31).message)
    fill(bucket, row.key)
    waiting = add_old(
        recipient, endpoint, days=31, status=Delivery.Status.FAILED, due_at=timezone.now()
    )

    _killed_cleanup(bucket, at=point)
    match point:
        case "after_detaching":
            assert RawMessage.objects.filter(messages=None).count() == 1
        case "after_deleting_objects":
            assert contents(bucket) == {}
            assert StoredObject.objects.exists()
        case _:
            assert not RawMessage.objects.filter(messages=None).exists()
            assert Message.objects.count() == 3

    clean()
    assert contents(bucket) == {}
    assert waiting.message.raw is not None
    assert Delivery.objects.filter(id=waiting.id).exists()
    waiting.message.raw.refresh_from_db()
    Delivery.objects.filter(id=waiting.id).update(status=Delivery.Status.DELIVERED, due_at=None)
    clean()
    assert count_rows() == young
