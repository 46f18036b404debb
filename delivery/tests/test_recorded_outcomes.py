"""What a delivery is after each kind of outcome."""

from datetime import timedelta

import pytest
from django.utils import timezone

from delivery.courier.recorder import record
from delivery.courier.settlement import THROTTLES
from delivery.courier.suspicion import REHEARSAL_INTERVAL, REHEARSALS
from delivery.lanes.answers import OVERSIZE_FAILURES, Kind
from delivery.lanes.schedule import JITTER, Schedule
from delivery.models import Delivery, Endpoint, Lane, Recipient
from delivery.tests.outcomes import SCHEDULE, outcome_of, record_one
from delivery.tests.waiting_mail import add_due, claim_from, claim_one
from fastsmtp.config import config

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

Status = Delivery.Status
FAST = len(SCHEDULE.fast)
ALL = FAST + len(SCHEDULE.slow)


def _assert_waits(delivery: Delivery, wait: timedelta) -> None:
    assert delivery.due_at is not None
    assert wait * (1 - JITTER) <= delivery.due_at - delivery.updated_at <= wait * (1 + JITTER)


def _assert_unclaimed(delivery: Delivery) -> None:
    assert (delivery.claim_id, delivery.claimed_until) == (None, None)


def test_delivered(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint)
    record_one(claim_one(endpoint), Kind.DELIVERED)
    delivery = Delivery.objects.get()
    assert delivery.status == Status.DELIVERED
    assert (delivery.reason, delivery.last_error) == ("", "")
    assert delivery.due_at is None
    assert delivery.delivered_at == delivery.updated_at
    assert (delivery.tries, delivery.attempts) == (1, 1)
    assert delivery.last_status_code == 200
    assert delivery.payload_hash == "c0ffee"
    assert delivery.instance_id == config().instance_id
    _assert_unclaimed(delivery)
    assert claim_from(endpoint).jobs == []


@pytest.mark.parametrize("kind", [Kind.FAST, Kind.BROKEN])
@pytest.mark.parametrize("tries", range(ALL))
def test_it_may_succeed_later(
    recipient: Recipient, endpoint: Endpoint, kind: Kind, tries: int
) -> None:
    add_due(recipient, endpoint, tries=tries)
    record_one(claim_one(endpoint), kind)
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.tries) == (Status.FAILED, tries + 1)
    assert delivery.last_error == "it went wrong"
    assert delivery.delivered_at is None
    _assert_waits(delivery, (SCHEDULE.fast + SCHEDULE.slow)[tries])
    _assert_unclaimed(delivery)


@pytest.mark.parametrize("tries", range(FAST + 1))
def test_somebody_has_to_change_something(
    recipient: Recipient, endpoint: Endpoint, tries: int
) -> None:
    add_due(recipient, endpoint, tries=tries)
    record_one(claim_one(endpoint), Kind.SLOW)
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.tries) == (Status.FAILED, FAST + 1)
    assert delivery.last_status_code == 401
    _assert_waits(delivery, SCHEDULE.slow[0])


@pytest.mark.parametrize(
    ("kind", "reason"), [(Kind.REFUSED, "refused"), (Kind.NOT_ALLOWED, "not_allowed")]
)
def test_at_once_exhausted(
    recipient: Recipient, endpoint: Endpoint, kind: Kind, reason: str
) -> None:
    add_due(recipient, endpoint)
    record_one(claim_one(endpoint), kind)
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.reason) == (Status.EXHAUSTED, reason)
    assert (delivery.due_at, delivery.delivered_at) == (None, None)
    assert delivery.last_error == "it went wrong"
    _assert_unclaimed(delivery)


def test_the_death_of_one_process_may_have_been_a_lack_of_memory(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    add_due(recipient, endpoint, tries=3, attempts=7, lost_claims=1)
    for lost_claims in range(2, REHEARSALS + 1):
        record_one(claim_one(endpoint), Kind.DEADLY)
        delivery = Delivery.objects.get()
        assert (delivery.status, delivery.reason) == (Status.FAILED, "")
        assert (delivery.tries, delivery.lost_claims) == (3, lost_claims)
        _assert_waits(delivery, REHEARSAL_INTERVAL)
        Delivery.objects.update(due_at=timezone.now())
    record_one(claim_one(endpoint), Kind.DEADLY)
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.reason) == (Status.EXHAUSTED, "deadly")
    assert (delivery.due_at, delivery.attempts) == (None, 10)
    _assert_unclaimed(delivery)


def test_orphaned(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint)
    record_one(claim_one(endpoint), Kind.ORPHANED)
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.reason) == (Status.CANCELLED, "the recipient was deleted")
    assert delivery.due_at is None
    _assert_unclaimed(delivery)


@pytest.mark.parametrize("kind", [Kind.THROTTLED, Kind.GONE])
@pytest.mark.parametrize(("status", "tries"), [(Status.PENDING, 0), (Status.FAILED, 3)])
def test_the_try_is_given_back_and_the_lane_holds_the_mail(
    recipient: Recipient, endpoint: Endpoint, kind: Kind, status: Status, tries: int
) -> None:
    add_due(recipient, endpoint, status=status, tries=tries, attempts=7)
    record_one(claim_one(endpoint), kind)
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.reason) == (status, "")
    assert (delivery.tries, delivery.attempts) == (tries, 8)
    assert delivery.due_at is not None
    assert delivery.due_at <= timezone.now()
    _assert_unclaimed(delivery)
    claimed = claim_from(endpoint)
    assert claimed.jobs == []
    assert endpoint.id in claimed.closed


class TestThrottledAgainAndAgain:
    @pytest.fixture(autouse=True)
    def _works_for_others(self, endpoint: Endpoint) -> None:
        Lane.objects.update(last_success_at=timezone.now() + timedelta(minutes=1))

    def test_the_mail_is_at_fault(self, recipient: Recipient, endpoint: Endpoint) -> None:
        add_due(recipient, endpoint, tries=1, attempts=1 + THROTTLES)
        record_one(claim_one(endpoint), Kind.THROTTLED)
        delivery = Delivery.objects.get()
        assert (delivery.status, delivery.tries) == (Status.FAILED, 2)
        _assert_waits(delivery, SCHEDULE.fast[1])
        assert Lane.objects.get().state == Lane.State.PAUSED

    def test_and_given_up_in_the_end(self, recipient: Recipient, endpoint: Endpoint) -> None:
        add_due(recipient, endpoint, tries=ALL, attempts=ALL + THROTTLES)
        record_one(claim_one(endpoint), Kind.THROTTLED)
        delivery = Delivery.objects.get()
        assert (delivery.status, delivery.reason) == (Status.EXHAUSTED, "schedule")

    def test_not_so_soon(self, recipient: Recipient, endpoint: Endpoint) -> None:
        add_due(recipient, endpoint, tries=1, attempts=THROTTLES)
        record_one(claim_one(endpoint), Kind.THROTTLED)
        delivery = Delivery.objects.get()
        assert (delivery.status, delivery.tries) == (Status.PENDING, 1)

    @pytest.mark.parametrize("last_success", [None, -1.1, -0.5])  # days
    def test_not_while_the_endpoint_takes_nothing(
        self, recipient: Recipient, endpoint: Endpoint, last_success: float | None
    ) -> None:
        """Nor is it enough that it took mail that had come before this one."""
        now = timezone.now()
        came = timedelta(hours=6) if last_success == -0.5 else timedelta(days=3)
        add_due(recipient, endpoint, attempts=THROTTLES, created_at=now - came)
        last_success_at = last_success and now + timedelta(days=last_success)
        Lane.objects.update(last_success_at=last_success_at)
        record_one(claim_one(endpoint), Kind.THROTTLED)
        delivery = Delivery.objects.get()
        assert (delivery.status, delivery.tries) == (Status.PENDING, 0)


class TestTheEndOfTheSchedule:
    @pytest.mark.parametrize("kind", [Kind.FAST, Kind.SLOW, Kind.BROKEN])
    def test_exhausted_when_the_endpoint_took_other_mail(
        self, recipient: Recipient, endpoint: Endpoint, kind: Kind
    ) -> None:
        add_due(recipient, endpoint, tries=ALL)
        Lane.objects.update(last_success_at=timezone.now())
        record_one(claim_one(endpoint), kind)
        delivery = Delivery.objects.get()
        assert (delivery.status, delivery.reason) == (Status.EXHAUSTED, "schedule")
        assert delivery.due_at is None
        assert delivery.last_error == "it went wrong"

    @pytest.mark.parametrize("kind", [Kind.FAST, Kind.SLOW])
    @pytest.mark.parametrize("last_success", [None, timedelta(days=-1)])
    def test_not_while_it_takes_nothing(
        self,
        recipient: Recipient,
        endpoint: Endpoint,
        kind: Kind,
        last_success: timedelta | None,
    ) -> None:
        """Then the endpoint is at fault, not the mail."""
        add_due(recipient, endpoint, tries=ALL)
        if last_success is not None:
            Lane.objects.update(last_success_at=timezone.now() + last_success)
        record_one(claim_one(endpoint), kind)
        delivery = Delivery.objects.get()
        assert delivery.status == Status.FAILED
        _assert_waits(delivery, SCHEDULE.slow[-1])

    @pytest.mark.parametrize("status_code", [400, 413, 415, 422])
    def test_exhausted_when_the_mail_itself_is_refused(
        self, recipient: Recipient, endpoint: Endpoint, status_code: int
    ) -> None:
        add_due(recipient, endpoint, tries=ALL, oversize_failures=OVERSIZE_FAILURES)
        record_one(claim_one(endpoint), Kind.SLOW, status_code=status_code)
        delivery = Delivery.objects.get()
        assert (delivery.status, delivery.reason) == (Status.EXHAUSTED, "schedule")

    @pytest.mark.parametrize("kind", [Kind.FAST, Kind.SLOW])
    def test_without_a_slow_schedule_it_is_exhausted_whatever_the_endpoint_takes(
        self, recipient: Recipient, endpoint: Endpoint, kind: Kind
    ) -> None:
        add_due(recipient, endpoint)
        plain = Schedule(fast=SCHEDULE.fast, slow=())
        for wait in SCHEDULE.fast:
            record([outcome_of(claim_one(endpoint), kind)], plain)
            _assert_waits(Delivery.objects.get(), wait)
            Delivery.objects.update(due_at=timezone.now())
        record([outcome_of(claim_one(endpoint), kind)], plain)
        delivery = Delivery.objects.get()
        assert (delivery.status, delivery.reason) == (Status.EXHAUSTED, "schedule")

    def test_not_while_it_cannot_be_archived(
        self, recipient: Recipient, endpoint: Endpoint
    ) -> None:
        """Where it must be archived first, it waits for the bucket and not for its turn."""
        add_due(recipient, endpoint, tries=ALL, attempts=3)
        Lane.objects.update(last_success_at=timezone.now())
        record_one(claim_one(endpoint), Kind.UNARCHIVED)
        delivery = Delivery.objects.get()
        assert (delivery.status, delivery.tries, delivery.attempts) == (Status.FAILED, ALL, 4)
        _assert_waits(delivery, timedelta(seconds=16))

    def test_exhausted_when_the_fault_is_ours(
        self, recipient: Recipient, endpoint: Endpoint
    ) -> None:
        """An endpoint that gets nothing can take nothing."""
        add_due(recipient, endpoint, tries=ALL)
        record_one(claim_one(endpoint), Kind.BROKEN)
        assert Delivery.objects.get().status == Status.EXHAUSTED


def test_many_outcomes_at_once_settle_each_on_its_own(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    deliveries = [add_due(recipient, endpoint) for _ in range(4)]
    kinds = [Kind.DELIVERED, Kind.FAST, Kind.REFUSED, Kind.DELIVERED]
    jobs = {job.delivery_id: job for job in claim_from(endpoint).jobs}
    settled = record(
        [outcome_of(jobs[d.id], kind) for d, kind in zip(deliveries, kinds, strict=True)], SCHEDULE
    )
    statuses = [Delivery.objects.get(id=delivery.id).status for delivery in deliveries]
    assert statuses == ["delivered", "failed", "exhausted", "delivered"]
    assert [item.status for item in settled] == statuses


def test_a_long_error_is_cut(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint)
    record_one(claim_one(endpoint), Kind.FAST, error="x" * 5000)
    assert Delivery.objects.get().last_error == "x" * 500
