"""A worker that freezes while it records loses its session with the database, and no outcome: all
of them are written when it goes on."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from delivery.courier import lane_health, recorder
from delivery.courier.courier import Courier
from delivery.models import Attempt, Delivery, Recipient
from delivery.tests.courier_steps import move, send, settled
from delivery.tests.webhook_receiver import WebhookReceiver
from fastsmtp.tests.sessions import freeze, needs_sessions

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb, needs_sessions]


@pytest.fixture
def recordings(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The first one freezes. Counts all of them: its next number."""
    calls, update = count(), lane_health.update_lanes

    def freeze_first(*args: Any) -> Any:
        if next(calls) == 0:
            freeze()
        return update(*args)

    monkeypatch.setattr(recorder, "update_lanes", freeze_first)
    return calls


def test_the_outcome_is_written_later(
    recordings: Iterator[int], courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    send(courier, move(recipient, receiver))
    settled(status=Delivery.Status.DELIVERED)
    assert next(recordings) == 2
    assert [attempt.outcome for attempt in Attempt.objects.all()] == ["delivered"]
    assert len(receiver.calls) == 1
