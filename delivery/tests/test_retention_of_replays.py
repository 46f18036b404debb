"""A replay keeps what it has not come to yet, and goes itself when its log would."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Domain
from delivery.by_hand.deletion import delete_domain
from delivery.models import Delivery, Endpoint, Message, RawMessage, Recipient, Replay, ReplayItem
from delivery.replay import collection, replays
from delivery.replay.feeding import Feeder
from delivery.retention.rows import erase_where
from delivery.tests.old_mail import AGES, add_old, add_old_replay, clean
from delivery.tests.replaying import run_to_end, start

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

Status = Delivery.Status

EVERYTHING = ("delivered", "exhausted")


def _add_old(recipient: Recipient, endpoint: Endpoint) -> None:
    for status in (Status.DELIVERED, Status.EXHAUSTED):
        add_old(recipient, endpoint, days=31, status=status)
    Message.objects.update(rcpt_to=[[recipient.address, str(recipient.id)]])


@pytest.mark.parametrize("reevaluate_rules", [False, True])
@pytest.mark.parametrize("steps", [0, 1], ids=["asked for", "collected"])
def test_what_it_has_not_come_to_yet_stays(
    recipient: Recipient, endpoint: Endpoint, reevaluate_rules: bool, steps: int
) -> None:
    _add_old(recipient, endpoint)
    replay = start(recipient, reevaluate_rules=reevaluate_rules, statuses=EVERYTHING)
    feeder = Feeder()
    for _ in range(steps):
        feeder.step()
    cleaned = clean()
    # Of a message whose rules are asked again, the log of the generation before may go.
    assert set(cleaned) <= ({"deliveries", "attempts"} if reevaluate_rules and steps else set())
    assert RawMessage.objects.count() == Message.objects.count() == 2
    assert run_to_end(replay).queued == 2
    assert replay.not_replayable == 0


def test_while_it_collects_its_domain_keeps_all(
    monkeypatch: pytest.MonkeyPatch, recipient: Recipient, endpoint: Endpoint
) -> None:
    """What it has not looked at yet, too."""
    monkeypatch.setattr(collection, "AT_ONCE", 1)
    _add_old(recipient, endpoint)
    neighbour = Domain.objects.create(domain_name="example.org")
    theirs = Recipient.objects.create(domain=neighbour, webhook_url=endpoint.url)
    add_old(theirs, endpoint, days=31)
    start(recipient, statuses=EVERYTHING)
    Feeder().step()
    assert clean()["messages"] == 1
    assert not Message.objects.filter(domain=neighbour).exists()


@pytest.mark.parametrize("end", ["finished", "cancelled"])
def test_when_it_has_ended_it_keeps_nothing(
    recipient: Recipient, endpoint: Endpoint, end: str
) -> None:
    _add_old(recipient, endpoint)
    replay = start(recipient, statuses=EVERYTHING)
    Feeder().step()
    if end == "cancelled":
        replays.cancel(replay.id, by="alice")
    else:
        run_to_end(replay)
        long_ago = timezone.now() - timedelta(days=31)
        Delivery.objects.update(updated_at=long_ago)
    assert clean()["messages"] == 2


@pytest.mark.parametrize("state", [Replay.State.FINISHED, Replay.State.CANCELLED])
def test_it_goes_with_the_log(domain: Domain, state: Replay.State) -> None:
    young = add_old_replay(domain, days=13, state=state)
    add_old_replay(domain, days=15, items=7, state=state)
    assert clean(replace(AGES, log=0)) == {}
    assert clean() == {"replays": 1, "replay_items": 7}
    assert Replay.objects.get() == young
    assert ReplayItem.objects.get().replay == young


def test_many_entries_go_in_portions(monkeypatch: pytest.MonkeyPatch, domain: Domain) -> None:
    monkeypatch.setattr("delivery.retention.replays.PAGE", 2)
    portions: list[int] = []

    def note(model: Any, **conditions: Any) -> int:
        portions.append(erase_where(model, **conditions))
        return portions[-1]

    monkeypatch.setattr("delivery.retention.replays.erase_where", note)
    add_old_replay(domain, days=15, items=5)
    clean()
    assert portions == [2, 2, 1, 1]


def test_an_unfinished_one_stays_however_old(domain: Domain) -> None:
    Replay.objects.create(
        domain=domain,
        filter={},
        state=Replay.State.RUNNING,
        created_at=timezone.now() - timedelta(days=400),
    )
    assert clean() == {}


def test_of_a_deleted_domain(recipient: Recipient, endpoint: Endpoint) -> None:
    """It ends visibly, and goes when its time has come."""
    _add_old(recipient, endpoint)
    replay = start(recipient, statuses=EVERYTHING)
    Feeder().step()
    delete_domain(recipient.domain)
    replay.refresh_from_db()
    assert (replay.state, replay.reason) == (Replay.State.CANCELLED, "the domain was deleted")
    cleaned = clean()
    assert (cleaned["messages"], cleaned["replays"]) == (2, 0)
    Replay.objects.update(finished_at=timezone.now() - timedelta(days=15))
    assert clean() == {"replays": 1, "replay_items": 2}
