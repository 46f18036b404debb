"""A replay of which nothing can move takes no thread from those who route fresh mail."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from delivery.models import Delivery, Endpoint, Lane, Recipient
from delivery.replay import feeding
from delivery.replay.feeding import Feeder, Step
from delivery.tests.records import create_endpoint
from delivery.tests.replaying import add_many, start, work_off
from delivery.tests.waiting_mail import add_due

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]


class _Counting(Feeder):
    """Counts its looks; `worker` does what others do between them."""

    def __init__(self, worker: Any = lambda: None) -> None:
        super().__init__()
        self.looks = 0
        self._worker = worker

    def step(self) -> Step:
        self.looks += 1
        step = super().step()
        self._worker()
        return step


def _pause(endpoint: Endpoint, recipient: Recipient) -> None:
    later = timezone.now() + timedelta(hours=1)
    Lane.objects.filter(pk=endpoint.pk).update(state=Lane.State.PAUSED, paused_until=later)
    add_due(recipient, endpoint)


def _run(feeder: Feeder) -> None:
    feeding.run(feeder, wake=lambda _: None, seconds=20)


def test_a_lane_that_is_paused(recipient: Recipient, endpoint: Endpoint) -> None:
    add_many(recipient, endpoint, 3)
    start(recipient)
    Feeder().step()
    _pause(endpoint, recipient)
    feeder = _Counting()
    _run(feeder)
    assert feeder.looks == feeding.IDLE_LOOKS


def test_more_paused_lanes_than_one_look_takes(
    monkeypatch: pytest.MonkeyPatch, recipient: Recipient
) -> None:
    monkeypatch.setattr(feeding, "LANES_AT_ONCE", 2)
    paused = []
    for number in range(5):
        url = f"http://127.0.0.1:9/{number}"
        paused.append(create_endpoint(recipient.domain, url=url))
        there = Recipient.objects.create(
            domain=recipient.domain, local_part=f"r{number}", webhook_url=url
        )
        add_many(there, paused[-1], 1)
    start(recipient)
    Feeder().step()
    for endpoint in paused:
        _pause(endpoint, recipient)
    feeder = _Counting()
    _run(feeder)
    assert feeder.looks == 3 * feeding.IDLE_LOOKS


def test_it_goes_on_while_something_moves(recipient: Recipient, endpoint: Endpoint) -> None:
    add_many(recipient, endpoint, 300)
    replay = start(recipient)
    _run(_Counting(work_off))
    replay.refresh_from_db()
    assert replay.queued == 300


def test_what_was_fed_is_waited_for_a_little(recipient: Recipient, endpoint: Endpoint) -> None:
    add_many(recipient, endpoint, 2 * feeding.FIRST_SERVING)
    start(recipient)
    feeder = _Counting()
    _run(feeder)
    assert feeder.looks == 2 + feeding.IDLE_LOOKS_AFTER_FEEDING
    assert Delivery.objects.filter(replays=1).count() == feeding.FIRST_SERVING
