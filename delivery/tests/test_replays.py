"""Many deliveries are made again: those that were meant, each once, and everybody sees how far."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Domain
from delivery.by_hand.deletion import delete_recipient
from delivery.models import Delivery, Endpoint, Lane, Message, Recipient, Replay, ReplayItem
from delivery.replay import collection, feeding, replays
from delivery.replay.collection import NO_LANE
from delivery.replay.feeding import FIRST_SERVING, Feeder
from delivery.replay.selection import SELECTABLE, UNDELIVERED, Selection
from delivery.tests.records import URL, create_delivery, create_endpoint, create_message
from delivery.tests.replaying import add_many, run_to_end, start, work_off
from delivery.tests.rules import add_rule, create_ruleset
from delivery.tests.waiting_mail import add_due, claim_from

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

Status = Delivery.Status
HOUR = timedelta(hours=1)


def _replayed() -> set[Any]:
    return set(Delivery.objects.filter(replays__gt=0).values_list("id", flat=True))


def test_what_did_not_arrive_is_queued_once(
    monkeypatch: pytest.MonkeyPatch, recipient: Recipient, endpoint: Endpoint
) -> None:
    monkeypatch.setattr(collection, "AT_ONCE", 3)
    ids = add_many(recipient, endpoint, 10)
    add_many(recipient, endpoint, 2, status=Status.DELIVERED)
    replay = run_to_end(start(recipient))
    assert (replay.state, replay.matched, replay.queued) == (Replay.State.FINISHED, 10, 10)
    assert _replayed() == set(ids)
    assert set(Delivery.objects.values_list("replays", flat=True)) == {0, 1}
    assert replays.progress(replay) == replays.Progress(delivered=10, failed=0, waiting=0)
    assert Delivery.objects.count() == 12


def test_only_what_is_meant(domain: Domain, recipient: Recipient, endpoint: Endpoint) -> None:
    now = timezone.now()
    other = Recipient.objects.create(domain=domain, local_part="sales", webhook_url=URL)
    elsewhere = create_endpoint(domain, url="http://127.0.0.1:9/elsewhere")
    neighbour = Domain.objects.create(domain_name="example.org")
    theirs = Recipient.objects.create(domain=neighbour, webhook_url=URL)
    (old,) = add_many(recipient, endpoint, 1, created_at=now - 3 * HOUR)
    (middle,) = add_many(recipient, endpoint, 1, created_at=now - 2 * HOUR)
    (of_other,) = add_many(other, endpoint, 1, created_at=now - 2 * HOUR)
    (there,) = add_many(recipient, elsewhere, 1, created_at=now - 2 * HOUR)
    (delivered,) = add_many(
        recipient, endpoint, 1, created_at=now - 2 * HOUR, status=Status.DELIVERED
    )
    add_many(theirs, create_endpoint(neighbour), 1, created_at=now - 2 * HOUR)

    def chosen(**selection: Any) -> set[Any]:
        found = Selection(**selection).deliveries(domain.id)
        return set(found.values_list("id", flat=True))

    assert chosen() == {old, middle, of_other, there}
    assert chosen(since=now - 2.5 * HOUR, recipient_id=recipient.id) == {middle, there}
    assert chosen(until=now - 2.5 * HOUR) == {old}
    assert chosen(endpoint_id=elsewhere.id) == {there}
    assert chosen(statuses=("delivered",)) == {delivered}


@pytest.mark.parametrize("status", SELECTABLE)
def test_a_selection_is_stored_and_read_back(status: str) -> None:
    selection = Selection(
        statuses=(status,), since=timezone.now(), recipient_id=NO_LANE, endpoint_id=NO_LANE
    )
    assert Selection.from_json(selection.as_json()) == selection


def test_held_mail_can_be_chosen(recipient: Recipient, endpoint: Endpoint, domain: Domain) -> None:
    add_due(recipient, endpoint)
    held = create_endpoint(domain, url="http://127.0.0.1:9/held", state=Lane.State.DISABLED)
    wanted = add_due(recipient, held)
    found = Selection(statuses=("held",)).deliveries(domain.id)
    assert list(found) == [wanted]


def test_a_dry_run_changes_nothing(recipient: Recipient, endpoint: Endpoint) -> None:
    add_many(recipient, endpoint, 3)
    before = list(Delivery.objects.order_by("id").values())
    Message.objects.filter(id=Delivery.objects.values("message_id")[:1]).update(raw=None)
    found = replays.count(recipient.domain_id, Selection(), reevaluate_rules=False)
    assert found == replays.Matches(matched=3, not_replayable=1)
    assert list(Delivery.objects.order_by("id").values()) == before
    assert not Replay.objects.exists()


def test_what_rules_held_back_needs_the_rules(recipient: Recipient) -> None:
    with pytest.raises(ValueError, match="quarantined can only be replayed with the rules"):
        start(recipient, statuses=("quarantined", *UNDELIVERED))


def test_what_cannot_be_sent_is_counted(recipient: Recipient, endpoint: Endpoint) -> None:
    gone, *_ = add_many(recipient, endpoint, 3)
    Message.objects.filter(deliveries=gone).update(raw=None)
    replay = run_to_end(start(recipient))
    assert (replay.matched, replay.queued, replay.not_replayable) == (3, 2, 1)
    assert Delivery.objects.get(id=gone).status == Status.EXHAUSTED


def test_a_recipient_deleted_meanwhile(recipient: Recipient, endpoint: Endpoint) -> None:
    add_many(recipient, endpoint, 3)
    replay = start(recipient)
    Feeder().step()
    delete_recipient(recipient)
    assert run_to_end(replay).not_replayable == 3
    assert set(Delivery.objects.values_list("status", flat=True)) == {Status.EXHAUSTED}


def test_what_comes_later_is_not_replayed(recipient: Recipient, endpoint: Endpoint) -> None:
    add_many(recipient, endpoint, 1)
    replay = start(recipient)
    add_many(recipient, endpoint, 1)
    assert run_to_end(replay).matched == 1


def test_cancelled_it_queues_nothing_more(recipient: Recipient, endpoint: Endpoint) -> None:
    add_many(recipient, endpoint, 2 * FIRST_SERVING)
    replay = start(recipient)
    feeder = Feeder()
    feeder.step()
    feeder.step()
    assert replays.cancel(replay.id, by="bob")
    work_off()
    assert not feeder.step().has_moved
    replay.refresh_from_db()
    assert (replay.state, replay.reason) == (Replay.State.CANCELLED, "cancelled by bob")
    assert len(_replayed()) == replay.queued == FIRST_SERVING
    assert not replays.cancel(replay.id, by="bob")


def test_a_lane_with_something_due_is_not_fed(recipient: Recipient, endpoint: Endpoint) -> None:
    add_many(recipient, endpoint, 1)
    start(recipient)
    feeder = Feeder()
    feeder.step()
    add_due(recipient, endpoint)
    assert feeder.step().fed == set()
    work_off()
    assert feeder.step().fed == {endpoint.id}


def test_what_is_being_sent_or_due_later_is_no_obstacle(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    add_due(recipient, endpoint)
    add_due(recipient, endpoint, age=-3600)
    assert claim_from(endpoint).jobs
    assert feeding.takes_more(endpoint.id)


def test_a_lane_gets_as_much_as_it_works_off(recipient: Recipient, endpoint: Endpoint) -> None:
    add_many(recipient, endpoint, 20 * FIRST_SERVING)
    replay = start(recipient)
    feeder = Feeder()
    queued = []
    for _ in range(5):
        feeder.step()
        work_off()
        replay.refresh_from_db()
        queued.append(replay.queued)
    assert queued == [FIRST_SERVING * n for n in (0, 1, 3, 7, 15)]
    add_due(recipient, endpoint)
    feeder.step()
    work_off()
    feeder.step()
    replay.refresh_from_db()
    assert replay.queued == FIRST_SERVING * 19


def test_a_lane_that_is_stuck_holds_up_its_own_part_only(
    domain: Domain, recipient: Recipient, endpoint: Endpoint
) -> None:
    stuck = create_endpoint(domain, url="http://127.0.0.1:9/stuck", state=Lane.State.PAUSED)
    slow = Recipient.objects.create(domain=domain, local_part="slow", webhook_url=stuck.url)
    add_many(slow, stuck, 30)
    add_due(slow, stuck)
    healthy = set(add_many(recipient, endpoint, 30))
    replay = start(recipient)
    feeder = Feeder()
    for _ in range(10):
        feeder.step()
        Delivery.objects.filter(endpoint=endpoint).update(due_at=None, status=Status.DELIVERED)
    assert _replayed() == healthy
    replay.refresh_from_db()
    assert replay.state == Replay.State.RUNNING


def test_what_a_disabled_lane_holds_delays_nobody(recipient: Recipient, endpoint: Endpoint) -> None:
    ids = add_many(recipient, endpoint, 30)
    Lane.objects.update(state=Lane.State.DISABLED)
    start(recipient)
    feeder = Feeder()
    for _ in range(7):
        feeder.step()
    assert _replayed() == set(ids)
    assert Replay.objects.get().state == Replay.State.FINISHED


def test_what_goes_to_another_url_now_waits_for_that_one(
    domain: Domain, recipient: Recipient, endpoint: Endpoint
) -> None:
    add_many(recipient, endpoint, 30)
    corrected = create_endpoint(domain, url="http://127.0.0.1:9/corrected")
    recipient.webhook_url = corrected.url
    recipient.save()
    fresh = add_due(recipient, corrected)
    replay = start(recipient)
    feeder = Feeder()
    for _ in range(10):
        feeder.step()
    assert _replayed() == set()
    Delivery.objects.filter(id=fresh.id).update(due_at=None, status=Status.DELIVERED)
    run_to_end(replay)
    assert set(Delivery.objects.values_list("endpoint", flat=True)) == {corrected.id}


def test_more_lanes_than_one_step_takes(
    monkeypatch: pytest.MonkeyPatch, domain: Domain, recipient: Recipient
) -> None:
    monkeypatch.setattr(feeding, "LANES_AT_ONCE", 2)
    for number in range(5):
        url = f"http://127.0.0.1:9/{number}"
        there = Recipient.objects.create(domain=domain, local_part=f"r{number}", webhook_url=url)
        add_many(there, create_endpoint(domain, url=url), 3)
    assert run_to_end(start(recipient)).queued == 15


class TestWithRules:
    """Decided anew: another generation, with ids of its own."""

    def test_each_recipient_of_each_message(self, domain: Domain, endpoint: Endpoint) -> None:
        both = [
            Recipient.objects.create(domain=domain, local_part=name, webhook_url=URL)
            for name in ("a", "b")
        ]
        message = create_message(domain, rcpt_to=[[r.address, str(r.id)] for r in both])
        for recipient in both:
            create_delivery(message, recipient, endpoint, status=Status.EXHAUSTED)
        before = set(Delivery.objects.values_list("id", flat=True))
        replay = run_to_end(start(both[0], reevaluate_rules=True))
        assert (replay.matched, replay.queued) == (1, 2)
        made = Delivery.objects.exclude(id__in=before)
        assert sorted(made.values_list("recipient_address", "generation", "status")) == [
            ("a@example.com", 1, Status.DELIVERED),
            ("b@example.com", 1, Status.DELIVERED),
        ]
        assert set(Delivery.objects.filter(id__in=before).values_list("status", flat=True)) == {
            Status.EXHAUSTED
        }
        run_to_end(start(both[0], reevaluate_rules=True))
        assert Delivery.objects.filter(generation=2).count() == 2

    def test_the_rules_of_now_decide(self, recipient: Recipient, endpoint: Endpoint) -> None:
        add_many(recipient, endpoint, 2, status=Status.DROPPED)
        add_rule(create_ruleset(recipient.domain), "subject exists", action="quarantine")
        replay = run_to_end(start(recipient, statuses=("dropped",), reevaluate_rules=True))
        made = Delivery.objects.filter(generation=1)
        assert set(made.values_list("status", flat=True)) == {Status.QUARANTINED}
        assert replay.queued == 2

    def test_a_busy_lane_that_a_verdict_leads_to(
        self, recipient: Recipient, endpoint: Endpoint
    ) -> None:
        add_many(recipient, endpoint, 5)
        busy = create_endpoint(recipient.domain, url="http://127.0.0.1:9/busy")
        fresh = add_due(recipient, busy)
        add_rule(create_ruleset(recipient.domain), "subject exists", webhook_url_override=busy.url)
        replay = start(recipient, reevaluate_rules=True)
        feeder = Feeder()
        for _ in range(5):
            feeder.step()
        assert not Delivery.objects.filter(generation=1).exists()
        waiting = ReplayItem.objects.filter(replay=replay, is_queued=False)
        assert set(waiting.values_list("endpoint_id", flat=True)) == {busy.id}
        Delivery.objects.filter(id=fresh.id).update(due_at=None, status=Status.DELIVERED)
        assert run_to_end(replay).queued == 5

    def test_messages_without_their_bytes(self, recipient: Recipient, endpoint: Endpoint) -> None:
        add_many(recipient, endpoint, 2)
        Message.objects.update(raw=None)
        replay = run_to_end(start(recipient, reevaluate_rules=True))
        assert (replay.matched, replay.queued, replay.not_replayable) == (2, 0, 2)
        assert Delivery.objects.count() == 2

    @pytest.mark.parametrize("rcpt_to", [[["support@example.com", "x"]], [7], 7, []], ids=str)
    def test_one_that_cannot_be_routed_holds_up_nobody(
        self, recipient: Recipient, endpoint: Endpoint, rcpt_to: Any
    ) -> None:
        ids = add_many(recipient, endpoint, 3)
        Message.objects.filter(deliveries=ids[1]).update(rcpt_to=rcpt_to)
        replay = run_to_end(start(recipient, reevaluate_rules=True))
        assert (replay.matched, replay.queued) == (3, 2)
        assert replay.not_replayable == (1 if rcpt_to else 0)
