"""One mail that is the death of whoever builds its body ends one worker, and harms no other."""

from pathlib import Path

import pytest
from django.utils import timezone

from delivery.by_hand.interventions import retry
from delivery.courier.suspicion import PROCESS_ENDED, REHEARSALS
from delivery.lanes import lanes
from delivery.models import Attempt, Delivery, Endpoint, EventNote, Incident, Recipient
from delivery.routing.routing import route
from delivery.tests import deadly
from delivery.tests.courier_process import CourierProcess
from delivery.tests.courier_steps import move
from delivery.tests.submissions import receive
from delivery.tests.waiting_mail import expire_claims
from delivery.tests.webhook_receiver import WebhookReceiver
from harness.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

NEIGHBOURS = 200
PATIENCE = 120  # seconds
Status = Delivery.Status


def _courier(folder: Path) -> CourierProcess:
    return CourierProcess(folder, PYTHONPATH=deadly.FOLDER)


def _receive_all(recipient: Recipient) -> Delivery:
    """The deadly one is in the middle of the others."""
    before, after = ([receive(recipient) for _ in range(NEIGHBOURS // 2)] for _ in range(2))
    poison = receive(recipient, raw=b"Subject: deadly\r\n\r\nHello\r\n")
    for messages in (before, [poison], after):
        route([message.id for message in messages])
    return poison.deliveries.get()


def _hurry(poison: Delivery, endpoint: Endpoint) -> None:
    """Its next try is now."""
    Delivery.objects.filter(id=poison.id).update(due_at=timezone.now())
    lanes.wake({endpoint.id}, at=timezone.now())


def test_it_ends_one_worker_and_harms_no_other_mail(
    recipient: Recipient, receiver: WebhookReceiver, tmp_path: Path
) -> None:
    poison = _receive_all(move(recipient, receiver))
    others = Delivery.objects.exclude(id=poison.id)

    with _courier(tmp_path) as first:
        wait_until(lambda: not first.is_running, timeout=PATIENCE)
    expire_claims()

    with _courier(tmp_path) as second:

        def wait_for(**expected: object) -> Delivery:
            chosen = Delivery.objects.filter(id=poison.id, claim_id=None, **expected)
            second.wait_until(chosen.exists, timeout=PATIENCE)
            return chosen.get()

        for lost_claims in range(2, REHEARSALS + 1):
            failed = wait_for(lost_claims=lost_claims, status=Status.FAILED)
            assert failed.last_error == PROCESS_ENDED
            _hurry(poison, Endpoint.objects.get())
        assert wait_for(status=Status.EXHAUSTED).reason == "deadly"
        assert _noted() == {"delivery.exhausted"}

        second.wait_until(
            lambda: not others.exclude(status=Status.DELIVERED).exists(), timeout=PATIENCE
        )
        assert set(others.values_list("tries", "lost_claims")) == {(1, 0)}
        assert others.count() == NEIGHBOURS

        attempts = Attempt.objects.filter(delivery=poison).count()
        retry([poison.id])
        wait_for(status=Status.EXHAUSTED, replays=1)
        assert Attempt.objects.filter(delivery=poison).count() == attempts + 1
        assert second.is_running
    assert str(poison.id) not in {call.headers["webhook-id"] for call in receiver.calls}


def _noted() -> set[str]:
    """As a note, or as what has become of it."""
    notes = EventNote.objects.values_list("type", flat=True)
    return {*notes, *Incident.objects.values_list("type", flat=True)}
