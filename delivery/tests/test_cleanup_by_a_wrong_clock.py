"""A process whose clock is wrong deletes and discards nothing: the database knows the time too."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from delivery import tasks
from delivery.models import Delivery, Endpoint, Message, Recipient
from delivery.retention.cleanup import Cleaner
from delivery.tests.old_mail import add_old, clean

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

type SetClock = Callable[[timedelta], None]

WORDS = "The clocks of this machine and of the database differ by"


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """That of this process, so far ahead."""
    right = timezone.now

    def set_clock(ahead: timedelta) -> None:
        monkeypatch.setattr("django.utils.timezone.now", lambda: right() + ahead)

    return set_clock


@pytest.fixture(autouse=True)
def _own_cleaner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_cleaner", Cleaner())


def _add_all(recipient: Recipient, endpoint: Endpoint) -> None:
    for status in (Delivery.Status.DELIVERED, Delivery.Status.QUARANTINED):
        add_old(recipient, endpoint, days=1, status=status)


@pytest.mark.parametrize("days", [365, -365])
def test_the_task_logs_an_error(
    recipient: Recipient,
    endpoint: Endpoint,
    set_clock: SetClock,
    caplog: pytest.LogCaptureFixture,
    days: int,
) -> None:
    _add_all(recipient, endpoint)
    before = set(Delivery.objects.values_list("pk", "status"))
    set_clock(timedelta(days=days))
    tasks.clean.apply(throw=True)
    assert set(Delivery.objects.values_list("pk", "status")) == before
    assert Message.objects.count() == 2
    assert f"no cleanup: {WORDS}" in caplog.text


@pytest.mark.parametrize("arguments", [[], ["--dry-run"]], ids=["for real", "dry run"])
def test_the_command_refuses(
    recipient: Recipient, endpoint: Endpoint, set_clock: SetClock, arguments: list[str]
) -> None:
    _add_all(recipient, endpoint)
    set_clock(timedelta(days=365))
    with pytest.raises(CommandError, match=WORDS):
        call_command("cleanup", *arguments)
    assert Message.objects.count() == 2


def test_when_it_is_right_again_the_task_deletes_what_is_old_then(
    recipient: Recipient, endpoint: Endpoint, set_clock: SetClock
) -> None:
    _add_all(recipient, endpoint)
    old = add_old(recipient, endpoint, days=31)
    set_clock(timedelta(days=365))
    tasks.clean.apply(throw=True)
    set_clock(timedelta(0))
    tasks.clean.apply(throw=True)
    assert not Message.objects.filter(pk=old.message_id).exists()
    assert Message.objects.count() == 2


def test_a_clock_that_goes_wrong_between_two_runs(
    recipient: Recipient,
    endpoint: Endpoint,
    set_clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for _ in range(3):
        add_old(recipient, endpoint, days=31)
    monkeypatch.setattr("delivery.retention.walk.PAGE", 1)
    monkeypatch.setattr(tasks, "CLEANUP_TIME", 0.0)
    tasks.clean.apply(throw=True)
    set_clock(timedelta(days=365))
    tasks.clean.apply(throw=True)
    assert WORDS in caplog.text
    assert Message.objects.count() == 3


def test_some_minutes_are_no_matter(
    recipient: Recipient, endpoint: Endpoint, set_clock: SetClock
) -> None:
    add_old(recipient, endpoint, days=31)
    set_clock(timedelta(minutes=5))
    assert clean()["messages"] == 1
