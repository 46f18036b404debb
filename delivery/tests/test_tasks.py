"""Tasks carry ids and may run twice, late, or for a message that another version knows more of."""

import threading
from collections.abc import Iterator

import pytest
from celery.signals import worker_shutting_down
from django.utils import timezone

from delivery import tasks
from delivery.courier.courier import Courier
from delivery.models import Delivery, Message, RawMessage, Recipient
from delivery.retention.cleanup import JOB, Cleaner
from delivery.retention.lease import HeldLease
from delivery.routing.routing import route
from delivery.tests.courier_steps import settled
from delivery.tests.couriers import running
from delivery.tests.old_mail import add_object, add_old
from delivery.tests.records import create_endpoint
from delivery.tests.submissions import receive
from delivery.tests.webhook_receiver import WebhookReceiver
from fastsmtp.celery import app
from fastsmtp.ids import uuid7

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.mariadb,
    pytest.mark.usefixtures("recipient_at_receiver"),
]

Status = Delivery.Status


@pytest.fixture
def worker() -> Iterator[Courier]:
    """What a worker process has running."""
    with running(tasks.courier()) as courier:
        yield courier
    tasks.courier.cache_clear()


@pytest.fixture
def resting_worker(worker: Courier, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its courier does not look for overdue messages itself."""
    monkeypatch.setattr("delivery.courier.sweeper.sweep", lambda _: set())


def _run(task: object, **arguments: object) -> None:
    """As a worker does, without the broker; raises what the task raised."""
    task.apply(kwargs=arguments, throw=True)  # type: ignore[attr-defined]


def test_the_names_that_other_versions_call_them_by() -> None:
    ours = {name for name in app.tasks if name.startswith("delivery.")}
    assert ours == {
        "delivery.route_messages",
        "delivery.dispatch_due",
        "delivery.forget_receptions",
        "delivery.clean_up",
        "delivery.erase_expired_secrets",
        "delivery.feed_replays",
        "delivery.relocate",
    }


def test_what_beat_rings_and_how_often() -> None:
    app.finalize()
    seconds = {entry["task"]: entry["schedule"] for entry in app.conf.beat_schedule.values()}
    assert seconds == {
        "delivery.dispatch_due": 1.0,
        "delivery.forget_receptions": 600.0,
        "delivery.clean_up": 60.0,
        "delivery.erase_expired_secrets": 600.0,
        "delivery.feed_replays": 1.0,
        "delivery.relocate": 1.0,
    }


@pytest.mark.usefixtures("worker")
def test_a_message_is_routed_and_sent(recipient: Recipient) -> None:
    message = receive(recipient)
    _run(tasks.route_messages, message_ids=[str(message.id)])
    assert settled(status=Status.DELIVERED).message == message


@pytest.mark.usefixtures("worker")
def test_arguments_of_a_newer_version_are_tolerated(recipient: Recipient) -> None:
    message = receive(recipient)
    _run(tasks.route_messages, message_ids=[str(message.id)], priority=7, added={"later": True})
    settled(status=Status.DELIVERED)
    _run(tasks.dispatch_due, limit=1)


@pytest.mark.usefixtures("worker")
def test_running_twice_does_no_harm(recipient: Recipient, receiver: WebhookReceiver) -> None:
    message = receive(recipient)
    for _ in range(2):
        _run(tasks.route_messages, message_ids=[str(message.id)])
    settled(status=Status.DELIVERED)
    _run(tasks.route_messages, message_ids=[str(message.id)])
    assert Delivery.objects.count() == 1
    assert len(receiver.calls) == 1


@pytest.mark.usefixtures("worker")
def test_a_message_that_is_gone_is_nothing_to_do(db: None) -> None:
    _run(tasks.route_messages, message_ids=[str(uuid7())])
    assert not Delivery.objects.exists()


@pytest.mark.usefixtures("worker")
def test_dispatching_finds_what_no_task_was_rung_for(
    recipient: Recipient, receiver: WebhookReceiver
) -> None:
    routed, unrouted = receive(recipient), receive(recipient)
    route([routed.id])
    Message.objects.filter(id=unrouted.id).update(route_due_at=timezone.now())
    _run(tasks.dispatch_due)
    messages = {call.headers["fastsmtp-message"] for call in receiver.wait_for_calls(2)}
    assert messages == {str(routed.id), str(unrouted.id)}


@pytest.mark.usefixtures("resting_worker")
def test_a_large_sweep_leaves_the_other_thread_to_fresh_mail(recipient: Recipient) -> None:
    message = receive(recipient)
    overdue = Message.objects.filter(id=message.id, route_due_at__isnull=False)
    overdue.update(route_due_at=timezone.now())
    with tasks._in_background() as has_turn:
        assert has_turn
        _run(tasks.dispatch_due)
        assert overdue.exists()
    _run(tasks.dispatch_due)
    assert not overdue.exists()


def test_what_is_old_is_deleted(recipient: Recipient) -> None:
    add_old(recipient, create_endpoint(recipient.domain), days=31)
    with HeldLease(JOB):
        _run(tasks.clean)
        assert Message.objects.exists()
    _run(tasks.clean, added_by_a_newer_version=True)
    assert not Message.objects.exists()


def test_what_takes_long_has_one_thread_of_a_worker_at_most(recipient: Recipient) -> None:
    add_old(recipient, create_endpoint(recipient.domain), days=31)
    with tasks._in_background() as has_turn:
        assert has_turn
        for task in (tasks.clean, tasks.feed_replays, tasks.relocate):
            _run(task)
        assert Message.objects.exists()
    _run(tasks.clean)
    assert not Message.objects.exists()


def test_a_cleanup_ends_with_its_worker_or_its_time(
    recipient: Recipient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("delivery.retention.walk.PAGE", 1)
    monkeypatch.setattr(tasks, "_cleaner", Cleaner())
    endpoint = create_endpoint(recipient.domain)
    for _ in range(3):
        add_old(recipient, endpoint, days=31)
    with monkeypatch.context() as patch:
        patch.setattr(tasks, "CLEANUP_TIME", 0.0)
        _run(tasks.clean)
    assert RawMessage.objects.count() == 2
    stopping = threading.Event()
    monkeypatch.setattr(tasks, "_is_stopping", stopping)
    worker_shutting_down.send(sender=None)
    assert stopping.is_set()
    _run(tasks.clean)
    assert RawMessage.objects.count() == 1
    assert Message.objects.count() == 3


def test_what_the_bucket_keeps_is_logged(
    recipient: Recipient, caplog: pytest.LogCaptureFixture
) -> None:
    add_object(add_old(recipient, create_endpoint(recipient.domain), days=31).message)
    _run(tasks.clean)
    assert "1 attachments stay in the bucket: no bucket is configured" in caplog.text
