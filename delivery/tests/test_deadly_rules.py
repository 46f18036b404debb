"""Mail that ends the process in which its rules are asked: its neighbours are routed, people get to
see it, and no process ends of it for ever."""

from pathlib import Path
from uuid import UUID

import pytest
from django.utils import timezone

from accounts.models import Domain
from delivery.models import Delivery, Endpoint, Message, Recipient, Replay, ReplayItem
from delivery.replay import judging
from delivery.routing.sweep import MAX_UNFINISHED
from delivery.tests.judging_process import DEADLY, ends
from delivery.tests.replaying import add_many, start
from delivery.tests.rules import add_rule, create_ruleset
from delivery.tests.submissions import receive
from delivery.tests.sweeping import make_overdue

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb]

Status = Delivery.Status
NEIGHBOURS = 40


@pytest.fixture(autouse=True)
def _with_a_rule(domain: Domain) -> None:
    add_rule(create_ruleset(domain), "subject exists", action="drop")


def _is_routed() -> bool:
    return not Message.objects.filter(route_due_at__isnull=False).exists()


def _routed() -> set[UUID]:
    return set(Delivery.objects.filter(status=Status.DROPPED).values_list("message_id", flat=True))


def test_in_the_sweep(recipient: Recipient, tmp_path: Path) -> None:
    received = [receive(recipient).id for _ in range(NEIGHBOURS + 1)]
    poison = Message.objects.filter(id=received.pop(NEIGHBOURS // 3))
    poison.update(subject=DEADLY)

    make_overdue()
    assert ends("courier", tmp_path, before=_is_routed)
    poison.update(route_tries=MAX_UNFINISHED - 1)
    make_overdue()
    assert ends("courier", tmp_path, before=_is_routed)
    assert _routed() == set(received)
    make_overdue()
    assert not ends("courier", tmp_path, before=_is_routed)

    held = Delivery.objects.exclude(status=Status.DROPPED).get()
    assert (held.status, held.reason) == (Status.QUARANTINED, "routing_error")
    assert held.message.subject == DEADLY
    assert Delivery.objects.count() == NEIGHBOURS + 1


def test_in_a_replay(recipient: Recipient, endpoint: Endpoint, tmp_path: Path) -> None:
    ids = add_many(recipient, endpoint, 20)
    poison = Message.objects.get(deliveries=ids[9])
    Message.objects.filter(id=poison.id).update(subject=DEADLY)
    replay = start(recipient, reevaluate_rules=True)

    def has_ended() -> bool:
        replay.refresh_from_db()
        return replay.state == Replay.State.FINISHED

    for _ in range(judging.MAX_UNFINISHED):
        assert ends("replays", tmp_path, before=has_ended)
        ReplayItem.objects.filter(tries__gt=0).update(judged_until=timezone.now())
    assert not ends("replays", tmp_path, before=has_ended)

    assert (replay.matched, replay.queued, replay.not_replayable) == (20, 19, 1)
    assert replay.reason == f"message {poison.id} cannot be replayed (EndsProcesses)"
    again = Delivery.objects.filter(generation=1)
    assert set(again.values_list("status", flat=True)) == {Status.DROPPED}
    assert not again.filter(message=poison).exists()
