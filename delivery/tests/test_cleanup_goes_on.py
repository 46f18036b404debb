"""A cleanup that has no more time goes on behind what it had to keep, however much that is."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from accounts.models import Domain
from delivery import tasks
from delivery.models import Delivery, Endpoint, Message, OperationalEvent, RawMessage, Recipient
from delivery.retention.cleanup import JOB, Cleaner
from delivery.retention.lease import HeldLease
from delivery.tests.bucket_server import bucket_config, refusing
from delivery.tests.old_mail import add_object, add_old, add_old_event
from delivery.tests.records import URL, create_endpoint

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

ENOUGH = 40  # runs, of one page each


@pytest.fixture(autouse=True)
def _short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("delivery.retention.walk.PAGE", 1)
    monkeypatch.setattr(tasks, "CLEANUP_TIME", 0.0)
    monkeypatch.setattr(tasks, "_cleaner", Cleaner())


@pytest.fixture
def neighbour(recipient: Recipient) -> Recipient:
    """Of a domain that is looked at later."""
    domain = Domain.objects.create(domain_name="example.net")
    assert domain.pk > recipient.domain_id
    return Recipient.objects.create(domain=domain, local_part="info", webhook_url=URL)


def _add_waiting(recipient: Recipient, endpoint: Endpoint) -> Delivery:
    values: dict[str, Any] = {"status": Delivery.Status.FAILED, "due_at": timezone.now()}
    return add_old(recipient, endpoint, days=31, **values)


def _clean_until(is_done: Callable[[], bool]) -> bool:
    for _ in range(ENOUGH):
        tasks.clean.apply(throw=True)
        if is_done():
            return True
    return False


def test_later_pages_domains_and_kinds_are_reached(
    recipient: Recipient, endpoint: Endpoint, neighbour: Recipient
) -> None:
    waiting = [_add_waiting(recipient, endpoint) for _ in range(3)]
    old = add_old(neighbour, create_endpoint(neighbour.domain), days=31)
    add_old_event(neighbour.domain, days=31)
    assert _clean_until(lambda: not Message.objects.filter(pk=old.message_id).exists())
    assert _clean_until(lambda: not OperationalEvent.objects.exists())
    assert {message.pk for message in Message.objects.all()} == {
        delivery.message_id for delivery in waiting
    }
    assert RawMessage.objects.count() == 3


def test_after_the_end_it_begins_again(recipient: Recipient, endpoint: Endpoint) -> None:
    delivery = _add_waiting(recipient, endpoint)
    assert not _clean_until(lambda: not Message.objects.exists())
    Delivery.objects.filter(pk=delivery.pk).update(status=Delivery.Status.DELIVERED, due_at=None)
    assert _clean_until(lambda: not Message.objects.exists())


@pytest.mark.django_db(transaction=True)
def test_after_an_error_it_begins_again(
    recipient: Recipient, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_old(recipient, endpoint, days=31)

    def fail(_: object) -> None:
        raise OperationalError("the server is away")

    with monkeypatch.context() as patch:
        patch.setattr("delivery.retention.raws.delete_old", fail)
        with pytest.raises(OperationalError):
            tasks.clean.apply(throw=True)
    assert _clean_until(lambda: not Message.objects.exists())


def test_what_another_process_does_meanwhile_does_not_send_it_back(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    waiting = [_add_waiting(recipient, endpoint) for _ in range(3)]
    add_old(recipient, endpoint, days=30.5)

    def is_done() -> bool:
        with HeldLease(JOB):
            tasks.clean.apply(throw=True)
        return Message.objects.count() == len(waiting)

    assert _clean_until(is_done)


def test_a_bucket_that_failed_is_asked_again_by_the_next_run(
    recipient: Recipient, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = add_old(recipient, endpoint, days=31).message
    for number in (1, 2):
        add_object(message, number=number)
    with refusing(503) as (url, requests):
        monkeypatch.setattr("delivery.retention.cleanup.config", lambda: bucket_config(url))
        assert _clean_until(lambda: len(requests) >= 2)
