"""Attachments go from the bucket before their rows do; what stays there is told and tried again."""

from dataclasses import replace
from typing import Any

import pytest

from delivery.models import Delivery, Endpoint, Message, Recipient, StoredObject
from delivery.retention.cleanup import clean_up
from delivery.retention.run import Report
from delivery.tests.bucket_server import bucket_config, contents, fill, refusing
from delivery.tests.old_mail import AGES, add_object, add_old, clean
from fastsmtp.config import Config, config
from harness.processes import free_port

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]


@pytest.fixture
def url(bucket: str, monkeypatch: pytest.MonkeyPatch) -> str:
    use(monkeypatch, bucket_config(bucket))
    return bucket


def use(monkeypatch: pytest.MonkeyPatch, other: Config) -> None:
    monkeypatch.setattr("delivery.retention.cleanup.config", lambda: other)


def add(recipient: Recipient, endpoint: Endpoint, *, days: float, **fields: Any) -> Message:
    return add_old(recipient, endpoint, days=days, **fields).message


def refused() -> Report:
    return clean_up(AGES)


def test_attachments_go_with_their_message(
    url: str, recipient: Recipient, endpoint: Endpoint
) -> None:
    old, young = (add(recipient, endpoint, days=days) for days in (31, 29))
    gone = [add_object(old, number=number) for number in (1, 2)]
    kept = add_object(young)
    fill(url, *(row.key for row in [*gone, kept]))
    assert clean()["objects"] == 2
    assert set(contents(url)) == {kept.key}
    assert StoredObject.objects.get() == kept
    assert Message.objects.get() == young


def test_the_archive_stays_in_the_bucket(
    url: str, recipient: Recipient, endpoint: Endpoint
) -> None:
    archived = add_object(add(recipient, endpoint, days=31), number=StoredObject.RAW)
    fill(url, archived.key)
    assert "objects" not in clean()
    assert set(contents(url)) == {archived.key}
    assert not StoredObject.objects.exists()
    assert not Message.objects.exists()


def test_what_waits_keeps_its_attachments(
    url: str, recipient: Recipient, endpoint: Endpoint
) -> None:
    row = add_object(add(recipient, endpoint, days=400, status=Delivery.Status.QUARANTINED))
    Delivery.objects.update(reason="rule")
    fill(url, row.key)
    assert clean() == {"quarantined": 1}
    assert set(contents(url)) == {row.key}


def test_what_was_never_noted_as_stored_may_be_there(
    url: str, recipient: Recipient, endpoint: Endpoint
) -> None:
    """Its process died after the upload."""
    row = add_object(add(recipient, endpoint, days=31), is_stored=False)
    fill(url, row.key)
    assert clean()["objects"] == 1
    assert contents(url) == {}
    assert not Message.objects.exists()


def test_what_is_not_in_the_bucket_is_deleted(
    url: str, recipient: Recipient, endpoint: Endpoint
) -> None:
    add_object(add(recipient, endpoint, days=31))
    assert clean()["objects"] == 1
    assert not Message.objects.exists()


def test_a_longer_log_keeps_no_attachments(
    url: str, recipient: Recipient, endpoint: Endpoint
) -> None:
    add_object(add(recipient, endpoint, days=31))
    assert clean(replace(AGES, log=90)) == {
        "raw_messages": 1,
        "objects": 1,
    }
    assert Message.objects.exists()


@pytest.mark.parametrize("status", [403, 500, 503])
def test_a_bucket_that_refuses(
    monkeypatch: pytest.MonkeyPatch, recipient: Recipient, endpoint: Endpoint, status: int
) -> None:
    monkeypatch.setattr("delivery.retention.walk.PAGE", 2)
    message = add(recipient, endpoint, days=31)
    for number in range(1, 6):
        add_object(message, number=number)
    without = add(recipient, endpoint, days=31)
    with refusing(status) as (url, requests):
        use(monkeypatch, bucket_config(url))
        report = refused()
    assert len(requests) == 1  # and then it is left alone
    assert (report.refused, report.counts["objects"]) == (5, 0)
    assert str(status) in report.refusal or "AccessDenied" in report.refusal
    assert "secret-of-the-bucket" not in report.refusal
    assert StoredObject.objects.count() == 5
    assert Message.objects.get() == message != without


def test_it_is_tried_again(
    url: str, monkeypatch: pytest.MonkeyPatch, recipient: Recipient, endpoint: Endpoint
) -> None:
    add_object(add(recipient, endpoint, days=31))
    use(monkeypatch, bucket_config(f"http://127.0.0.1:{free_port()}"))
    assert refused().refused == 1
    use(monkeypatch, bucket_config(url))
    assert clean()["objects"] == 1
    assert not Message.objects.exists()


def test_a_bucket_that_keeps_some(
    url: str, monkeypatch: pytest.MonkeyPatch, recipient: Recipient, endpoint: Endpoint
) -> None:
    message = add(recipient, endpoint, days=31)
    rows = [add_object(message, number=number) for number in (1, 2)]
    monkeypatch.setattr(
        "delivery.objects.bucket.Bucket.delete",
        lambda *_, **__: {rows[0].key: "AccessDenied"},
    )
    report = refused()
    assert (report.refused, report.refusal, report.counts["objects"]) == (1, "AccessDenied", 1)
    assert StoredObject.objects.get() == rows[0]
    assert Message.objects.get() == message


def test_no_bucket_is_configured_any_more(recipient: Recipient, endpoint: Endpoint) -> None:
    assert not config().s3_bucket
    add_object(add(recipient, endpoint, days=31))
    report = refused()
    assert (report.refused, report.refusal) == (1, "no bucket is configured")
    assert Message.objects.exists()
