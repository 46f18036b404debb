"""A plain replay of what is being sent just now: it is neither lost nor sent twice without need."""

import pytest

from delivery.lanes.answers import Kind
from delivery.models import Delivery, Endpoint, Recipient, Replay, ReplayItem
from delivery.replay.feeding import Feeder
from delivery.tests.outcomes import record_one
from delivery.tests.replaying import add_many, run_to_end, start
from delivery.tests.waiting_mail import add_due, claim_from, claim_one

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

Status = Delivery.Status


def test_it_waits_until_the_call_is_over(recipient: Recipient, endpoint: Endpoint) -> None:
    delivery = add_due(recipient, endpoint, status=Status.FAILED)
    job = claim_one(endpoint)
    replay = start(recipient)
    feeder = Feeder()
    for _ in range(4):
        feeder.step()
    assert not feeder.step().has_moved
    assert ReplayItem.objects.filter(replay=replay, is_queued=False).count() == 1
    record_one(job, Kind.FAST)
    delivery.refresh_from_db()
    assert delivery.tries == 1
    feeder.step()
    delivery.refresh_from_db()
    assert (delivery.status, delivery.tries) == (Status.PENDING, 0)
    replay = run_to_end(replay)
    assert (replay.queued, replay.not_replayable) == (1, 0)


def test_what_arrived_meanwhile_needs_no_replay(recipient: Recipient, endpoint: Endpoint) -> None:
    delivery = add_due(recipient, endpoint, status=Status.FAILED)
    job = claim_one(endpoint)
    replay = start(recipient)
    Feeder().step()
    record_one(job, Kind.DELIVERED)
    replay = run_to_end(replay)
    assert (replay.state, replay.queued, replay.not_replayable) == (Replay.State.FINISHED, 1, 0)
    delivery.refresh_from_db()
    assert (delivery.status, delivery.replays, delivery.attempts) == (Status.DELIVERED, 0, 1)


def test_others_do_not_wait_behind_it(recipient: Recipient, endpoint: Endpoint) -> None:
    for _ in range(20):
        add_due(recipient, endpoint, status=Status.FAILED)
    assert len(claim_from(endpoint, slots=20).jobs) == 20
    (behind,) = add_many(recipient, endpoint, 1)
    replay = start(recipient)
    feeder = Feeder()
    for _ in range(3):
        feeder.step()
    replay.refresh_from_db()
    assert (replay.matched, replay.queued, replay.not_replayable) == (21, 1, 0)
    assert Delivery.objects.get(id=behind).status == Status.PENDING
