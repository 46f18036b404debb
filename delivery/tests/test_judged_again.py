"""What a replay asks the rules about again is counted, and nobody counts for what others did."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, transaction
from django.utils import timezone

from delivery.models import Endpoint, Message, Recipient, Replay, ReplayItem
from delivery.replay import judging, replays, servings
from delivery.replay.feeding import Feeder
from delivery.routing import verdicts
from delivery.routing.unrouted import Unrouted
from delivery.tests.replaying import add_many, run_to_end, start
from delivery.tests.threads import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb]


@pytest.fixture
def replay(recipient: Recipient, endpoint: Endpoint) -> Replay:
    """Of four messages, collected."""
    add_many(recipient, endpoint, 4)
    replay = start(recipient, reevaluate_rules=True)
    Feeder().step()
    return replay


def _choose(replay: Replay, endpoint: Endpoint) -> list[UUID]:
    """As a process does that ends before it has judged them."""
    with transaction.atomic():
        locked = replays.lock(replay.pk, Replay.State.RUNNING)
        return servings.choose(locked, endpoint.pk, 3) if locked else []


def _end_judging(*message_ids: UUID) -> None:
    past = timezone.now() - timedelta(seconds=1)
    ReplayItem.objects.filter(subject_id__in=message_ids).update(judged_until=past)


def test_two_at_once_choose_different_ones(replay: Replay, endpoint: Endpoint) -> None:
    choose = partial(_choose, replay, endpoint)
    first, second = at_once(choose, choose)
    assert not set(first) & set(second)


def test_what_was_tried_before_comes_last_and_alone(replay: Replay, endpoint: Endpoint) -> None:
    together = _choose(replay, endpoint)
    assert len(together) == 3
    _end_judging(*together)
    assert len(_choose(replay, endpoint)) == 1  # the new one
    assert [_choose(replay, endpoint) for _ in range(4)] == [*([one] for one in together), []]


def test_an_outage_is_no_trace(
    replay: Replay, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Sequence[Any]) -> None:
        raise OperationalError("canceling statement due to statement timeout")

    monkeypatch.setattr(verdicts, "decide", fail)
    for _ in range(judging.MAX_UNFINISHED + 1):
        with pytest.raises(OperationalError):
            Feeder().step()
    monkeypatch.undo()
    assert run_to_end(replay).queued == 4


def test_nobody_takes_them_from_who_judges_many(
    replay: Replay, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long they take together."""
    monkeypatch.setattr(judging, "AT_ONCE", 2)
    message_ids = _choose(replay, endpoint)
    (other,) = _choose(replay, endpoint)
    decide = verdicts.decide
    overtaken: list[list[UUID]] = []

    def decide_for_long(messages: Sequence[Unrouted]) -> Any:
        overtaken.append(_choose(replay, endpoint))
        _end_judging(*message_ids)
        return decide(messages)

    monkeypatch.setattr(verdicts, "decide", decide_for_long)
    assert set(judging.judge(replay, message_ids)) == set(message_ids)
    assert other not in message_ids
    assert overtaken == [[], []]


def test_who_was_judged_is_a_suspect_no_more(replay: Replay, endpoint: Endpoint) -> None:
    ReplayItem.objects.update(tries=judging.MAX_UNFINISHED - 1, judged_until=timezone.now())
    message_id = _choose(replay, endpoint)[0]
    judging.judge(replay, [message_id])
    item = ReplayItem.objects.get(subject_id=message_id)
    assert (item.tries, item.judged_until) == (0, None)


def test_no_rules_are_asked_about_one_that_ends_processes(
    replay: Replay, endpoint: Endpoint
) -> None:
    message = Message.objects.earliest("id")
    item = ReplayItem.objects.filter(subject_id=message.id)
    item.update(tries=judging.MAX_UNFINISHED, judged_until=timezone.now())
    replay = run_to_end(replay)
    assert (replay.queued, replay.not_replayable) == (3, 1)
    assert replay.reason == f"message {message.id} cannot be replayed (EndsProcesses)"
