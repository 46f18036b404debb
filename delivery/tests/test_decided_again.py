"""Rules that are evaluated again replace what still waits: nobody gets a mail under two ids."""

import uuid
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from accounts.models import Domain
from delivery.lanes.answers import Kind
from delivery.models import Delivery, Endpoint, Lane, Message, Recipient, Replay, ReplayItem
from delivery.replay.feeding import Feeder
from delivery.replay.generations import DECIDED_AGAIN
from delivery.replay.selection import SELECTABLE
from delivery.routing.routing import MAX_TRIES, route
from delivery.tests.outcomes import record_one
from delivery.tests.records import URL, create_delivery, create_endpoint, create_message
from delivery.tests.replaying import add_many, run_to_end, start, work_off
from delivery.tests.rules import add_rule, create_ruleset
from delivery.tests.submissions import receive
from delivery.tests.threads import at_once
from delivery.tests.waiting_mail import add_due, claim_from, claim_one, expire_claims

Status = Delivery.Status
HOUR = timedelta(hours=1)


def _states() -> dict[int, tuple[str, str]]:
    """Of the only message's generations."""
    rows = Delivery.objects.values_list("generation", "status", "reason")
    return {generation: (status, reason) for generation, status, reason in rows}


def _decide(replay: Replay) -> None:
    """To its end, while nothing is delivered."""
    feeder = Feeder()
    for _ in range(3):
        feeder.step()
    replay.refresh_from_db()
    assert replay.state == Replay.State.FINISHED


@pytest.mark.django_db
@pytest.mark.mariadb
class TestWhatWaits:
    @pytest.mark.parametrize("status", [Status.PENDING, Status.FAILED])
    def test_open(self, recipient: Recipient, endpoint: Endpoint, status: Status) -> None:
        old = add_due(recipient, endpoint, status=status, age=-3600)
        _decide(start(recipient, statuses=SELECTABLE, reevaluate_rules=True))
        assert _states() == {0: (Status.CANCELLED, DECIDED_AGAIN), 1: (Status.PENDING, "")}
        old.refresh_from_db()
        assert old.due_at is None

    def test_held(self, domain: Domain, recipient: Recipient, endpoint: Endpoint) -> None:
        held = create_endpoint(domain, url="http://127.0.0.1:9/h", state=Lane.State.DISABLED)
        add_due(recipient, held)
        _decide(start(recipient, statuses=("held",), reevaluate_rules=True))
        assert _states() == {0: (Status.CANCELLED, DECIDED_AGAIN), 1: (Status.PENDING, "")}

    def test_quarantined(self, recipient: Recipient, endpoint: Endpoint) -> None:
        add_many(recipient, endpoint, 1, status=Status.QUARANTINED, reason="rule: Spam")
        _decide(start(recipient, statuses=("quarantined",), reevaluate_rules=True))
        assert _states() == {0: (Status.CANCELLED, DECIDED_AGAIN), 1: (Status.PENDING, "")}

    def test_what_could_not_be_routed(self, recipient: Recipient, endpoint: Endpoint) -> None:
        message = receive(recipient)
        Message.objects.update(rcpt_to=7, route_tries=MAX_TRIES)
        route([message.id])
        assert _states() == {0: (Status.QUARANTINED, "routing_error")}
        Message.objects.update(rcpt_to=message.rcpt_to)  # what was wrong is mended
        _decide(start(recipient, statuses=("quarantined",), reevaluate_rules=True))
        assert _states() == {0: (Status.CANCELLED, DECIDED_AGAIN), 1: (Status.PENDING, "")}

    @pytest.mark.parametrize("status", [Status.DELIVERED, Status.EXHAUSTED, Status.DROPPED])
    def test_what_has_ended_is_left_as_it_is(
        self, recipient: Recipient, endpoint: Endpoint, status: Status
    ) -> None:
        add_many(recipient, endpoint, 1, status=status)
        _decide(start(recipient, statuses=(status.value,), reevaluate_rules=True))
        assert _states() == {0: (status, ""), 1: (Status.PENDING, "")}

    def test_all_recipients_of_the_message(self, domain: Domain, endpoint: Endpoint) -> None:
        both = [
            Recipient.objects.create(domain=domain, local_part=name, webhook_url=URL)
            for name in ("a", "b")
        ]
        message = create_message(domain, rcpt_to=[[r.address, str(r.id)] for r in both])
        later = timezone.now() + HOUR
        create_delivery(message, both[0], endpoint, status=Status.EXHAUSTED)
        create_delivery(message, both[1], endpoint, status=Status.FAILED, due_at=later)
        (other,) = add_many(both[0], endpoint, 1, status=Status.FAILED, due_at=later)
        _decide(start(both[0], statuses=("exhausted",), reevaluate_rules=True))
        old = Delivery.objects.filter(message=message, generation=0).order_by("recipient_address")
        assert list(old.values_list("status", flat=True)) == [Status.EXHAUSTED, Status.CANCELLED]
        assert Delivery.objects.filter(message=message, generation=1).count() == 2
        untouched = Delivery.objects.filter(message__deliveries=other)
        assert untouched.count() == 1

    def test_twice(self, recipient: Recipient, endpoint: Endpoint) -> None:
        add_many(recipient, endpoint, 1)
        add_rule(create_ruleset(recipient.domain), "subject exists", action="quarantine")
        for statuses in (("exhausted",), ("quarantined",)):
            _decide(start(recipient, statuses=statuses, reevaluate_rules=True))
        assert {generation: status for generation, (status, _) in _states().items()} == {
            0: Status.EXHAUSTED,
            1: Status.CANCELLED,
            2: Status.QUARANTINED,
        }

    def test_a_plain_replay_does_not_send_it_beside_the_next_generation(
        self, recipient: Recipient, endpoint: Endpoint
    ) -> None:
        add_many(recipient, endpoint, 1, status=Status.FAILED, due_at=timezone.now() + HOUR)
        _decide(start(recipient, reevaluate_rules=True))
        work_off()
        plain = run_to_end(start(recipient, statuses=("cancelled",)))
        assert (plain.matched, plain.queued, plain.not_replayable) == (1, 0, 1)
        assert _states()[0] == (Status.CANCELLED, DECIDED_AGAIN)


@pytest.mark.django_db
@pytest.mark.mariadb
class TestWhatIsBeingSent:
    def test_waits_until_its_call_is_over(self, recipient: Recipient, endpoint: Endpoint) -> None:
        add_due(recipient, endpoint)
        job = claim_one(endpoint)
        replay = start(recipient, statuses=("sending",), reevaluate_rules=True)
        feeder = Feeder()
        for _ in range(4):
            feeder.step()
        assert not feeder.step().has_moved
        assert _states() == {0: (Status.PENDING, "")}
        assert ReplayItem.objects.filter(replay=replay, is_queued=False).count() == 1
        record_one(job, Kind.FAST)
        run_to_end(replay)
        assert _states() == {0: (Status.CANCELLED, DECIDED_AGAIN), 1: (Status.DELIVERED, "")}

    def test_a_claim_that_ran_out_is_over(self, recipient: Recipient, endpoint: Endpoint) -> None:
        old = add_due(recipient, endpoint)
        claim_one(endpoint)
        replay = start(recipient, statuses=("sending",), reevaluate_rules=True)
        Feeder().step()
        expire_claims()
        run_to_end(replay)
        assert _states()[0] == (Status.CANCELLED, DECIDED_AGAIN)
        old.refresh_from_db()
        assert old.claim_id is None

    def test_others_do_not_wait_behind_it(self, recipient: Recipient, endpoint: Endpoint) -> None:
        for _ in range(20):
            add_due(recipient, endpoint)
        assert len(claim_from(endpoint, slots=20).jobs) == 20
        add_many(recipient, endpoint, 1)
        replay = start(recipient, statuses=("sending", "exhausted"), reevaluate_rules=True)
        feeder = Feeder()
        for _ in range(3):
            feeder.step()
        replay.refresh_from_db()
        assert (replay.matched, replay.queued) == (21, 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.mariadb
class TestAtTheSameMoment:
    """Whoever comes first: what is claimed is not decided, what is decided is not claimed."""

    def test_a_claim(self, recipient: Recipient, endpoint: Endpoint) -> None:
        for _ in range(10):
            later = timezone.now() + HOUR
            ids = add_many(recipient, endpoint, 4, status=Status.FAILED, due_at=later)
            replay = start(recipient, reevaluate_rules=True)
            feeder = Feeder()
            feeder.step()
            at_once(partial(_claim_now, ids, endpoint), feeder.step)
            for message in Message.objects.filter(deliveries__in=ids):
                assert message.deliveries.filter(status__in=Delivery.OPEN).count() == 1
            Delivery.objects.update(status=Status.DELIVERED, due_at=None, claimed_until=None)
            run_to_end(replay)

    def test_a_result(self, recipient: Recipient, endpoint: Endpoint) -> None:
        for _ in range(4):
            add_due(recipient, endpoint)
            job = claim_one(endpoint)
            add_many(recipient, endpoint, 3)
            replay = start(recipient, statuses=("sending", "exhausted"), reevaluate_rules=True)
            feeder = Feeder()
            feeder.step()
            at_once(partial(record_one, job, Kind.FAST), feeder.step)
            work_off()
            run_to_end(replay)
            theirs = Delivery.objects.filter(message_id=job.message_id)
            assert theirs.filter(status=Status.DELIVERED).count() >= 1
            assert not theirs.filter(status__in=Delivery.OPEN).exists()


def _claim_now(ids: list[uuid.UUID], endpoint: Endpoint) -> None:
    Delivery.objects.filter(id__in=ids, status=Status.FAILED).update(due_at=timezone.now())
    claim_from(endpoint)
