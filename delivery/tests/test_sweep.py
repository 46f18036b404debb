"""Messages that no task has routed in time are routed by one sweep, whoever else sweeps."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from threading import Event
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError
from django.utils import timezone

from delivery.courier.courier import Courier
from delivery.models import Delivery, Message, Recipient
from delivery.routing import verdicts
from delivery.routing.sweep import AT_ONCE, FIRST_WAIT, LONGEST_WAIT, sweep
from delivery.routing.unrouted import Unrouted
from delivery.tests.courier_steps import move
from delivery.tests.records import create_endpoint
from delivery.tests.submissions import ids_of, receive
from delivery.tests.threads import at_once
from delivery.tests.waiting_mail import add_due
from delivery.tests.webhook_receiver import WebhookReceiver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb]


def _receive_overdue(recipient: Recipient, count: int = 1, *, tries: int = 0) -> list[UUID]:
    ids = ids_of([receive(recipient) for _ in range(count)])
    past = timezone.now() - timedelta(seconds=1)
    Message.objects.filter(id__in=ids).update(route_due_at=past, route_tries=tries)
    return ids


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[list[UUID]]:
    """The messages whose rules were asked, together or not."""
    batches: list[list[UUID]] = []
    decide = verdicts.decide

    def note(messages: Sequence[Unrouted]) -> Any:
        batches.append([message.id for message in messages])
        return decide(messages)

    monkeypatch.setattr(verdicts, "decide", note)
    return batches


@pytest.mark.parametrize("tries", [0, 1])
def test_two_at_once_judge_each_message_once(
    recipient: Recipient, judged: list[list[UUID]], tries: int
) -> None:
    ids = _receive_overdue(recipient, 30, tries=tries)
    at_once(partial(sweep, ids), partial(sweep, ids))
    assert Counter(id for batch in judged for id in batch) == Counter(ids)
    # MariaDB locks for a moment what it only looks at; who is passed over has another turn.
    Message.objects.filter(route_due_at__isnull=False).update(route_due_at=timezone.now())
    sweep(ids)
    assert Delivery.objects.count() == 30


def test_what_was_tried_before_is_tried_alone_and_last(
    recipient: Recipient, judged: list[list[UUID]]
) -> None:
    (often,) = _receive_overdue(recipient, tries=4)
    once = _receive_overdue(recipient, 2, tries=1)
    new = _receive_overdue(recipient, 3)
    sweep([often, *once, *new])
    assert [batch for batch in judged if batch] == [new, [once[0]], [once[1]], [often]]


def test_what_it_has_not_come_to_yet_another_one_sweeps(
    recipient: Recipient, judged: list[list[UUID]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a try of large mail ends before its messages are due again, however many are overdue."""
    ids = _receive_overdue(recipient, 12)
    Message.objects.update(size=AT_ONCE // 4)
    judge = verdicts.decide
    by_another = 0

    def judge_after_another(messages: Sequence[Unrouted]) -> Any:
        nonlocal by_another
        monkeypatch.setattr(verdicts, "decide", judge)
        sweep(ids)
        by_another = Delivery.objects.count()
        return judge(messages)

    monkeypatch.setattr(verdicts, "decide", judge_after_another)
    sweep(ids)
    assert by_another == 8
    assert Counter(id for batch in judged for id in batch) == Counter(ids)
    assert Delivery.objects.count() == 12


def test_a_try_is_counted_before_the_rules_are_asked(
    recipient: Recipient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outage, too, shows nothing but that there was a try."""
    (message_id,) = _receive_overdue(recipient)

    def fail(_: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(verdicts, "decide", fail)
    for tries in range(8):
        before = timezone.now()
        with pytest.raises(OperationalError):
            sweep([message_id])
        message = Message.objects.get()
        assert message.route_tries == tries + 1
        assert message.route_due_at is not None
        wait = min(FIRST_WAIT * 2**tries, LONGEST_WAIT)
        assert before + wait <= message.route_due_at <= timezone.now() + wait
        assert sweep([message_id]) == set()
        Message.objects.update(route_due_at=timezone.now())
    monkeypatch.undo()
    assert len(sweep([message_id])) == 1


def test_due_lanes_do_not_wait_for_it(
    recipient: Recipient,
    receiver: WebhookReceiver,
    courier: Courier,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody wakes the courier: it finds them itself."""
    is_judging, may_go_on = Event(), Event()

    def judge_for_long(messages: Sequence[Unrouted]) -> Any:
        is_judging.set()
        may_go_on.wait(60)
        return {}

    monkeypatch.setattr(verdicts, "decide", judge_for_long)
    _receive_overdue(move(recipient, receiver))
    try:
        assert is_judging.wait(30)
        endpoint = create_endpoint(recipient.domain, url=recipient.webhook_url)
        endpoint.lane.due_at = timezone.now()
        endpoint.lane.save()
        add_due(recipient, endpoint)
        receiver.wait_for_calls(1)
    finally:
        may_go_on.set()
