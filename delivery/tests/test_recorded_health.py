"""What outcomes tell of an endpoint is written to its lane; all of them count."""

from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.forms import model_to_dict
from django.utils import timezone

from accounts.models import Domain
from delivery.courier.lane_health import SUCCESS_INTERVAL
from delivery.courier.recorder import record
from delivery.lanes import lanes
from delivery.lanes.answers import Kind
from delivery.lanes.health import FAILURES_TO_PAUSE
from delivery.models import Delivery, Endpoint, Lane, Recipient
from delivery.tests.outcomes import SCHEDULE, call_with, outcome_of
from delivery.tests.records import create_endpoint
from delivery.tests.threads import at_once
from delivery.tests.waiting_mail import add_due, claim_from, claim_one

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

State = Lane.State


def _lane(endpoint: Endpoint) -> Lane:
    return Lane.objects.get(endpoint=endpoint)


def _health(lane: Lane) -> dict[str, Any]:
    return model_to_dict(lane, exclude=["due_at"])


def _lane_health() -> dict[str, object]:
    """The lane's row without the time of its next work, which every open delivery moves."""
    return {name: value for name, value in Lane.objects.values().get().items() if name != "due_at"}


def test_five_failures_in_a_row_pause(recipient: Recipient, endpoint: Endpoint) -> None:
    for failures in range(1, FAILURES_TO_PAUSE):
        call_with(recipient, endpoint, Kind.FAST)
        lane = _lane(endpoint)
        assert (lane.state, lane.consecutive_failures) == (State.ACTIVE, failures)
        Delivery.objects.all().delete()
    settled = call_with(recipient, endpoint, Kind.SLOW)
    lane = _lane(endpoint)
    assert (lane.state, lane.consecutive_failures, lane.pause_count) == (State.PAUSED, 5, 1)
    assert lane.paused_until == settled.outcome.finished_at + timedelta(seconds=1)
    assert lane.last_failure_at == settled.outcome.finished_at


def test_a_success_begins_the_count_again(recipient: Recipient, endpoint: Endpoint) -> None:
    Lane.objects.update(consecutive_failures=4, failing_since=timezone.now())
    settled = call_with(recipient, endpoint, Kind.DELIVERED)
    lane = _lane(endpoint)
    assert (lane.state, lane.consecutive_failures) == (State.ACTIVE, 0)
    assert lane.failing_since is None
    assert lane.last_success_at == settled.outcome.finished_at


@pytest.mark.parametrize(
    ("kind", "status_code"),
    [(Kind.SLOW, 400), (Kind.REFUSED, 406), (Kind.SLOW, 413), (Kind.SLOW, 415), (Kind.SLOW, 422)],
)
def test_what_is_about_the_mail_does_not_count(
    recipient: Recipient, endpoint: Endpoint, kind: Kind, status_code: int
) -> None:
    before = _lane_health()
    for _ in range(FAILURES_TO_PAUSE + 1):
        call_with(recipient, endpoint, kind, status_code=status_code)
        Delivery.objects.all().delete()  # 413 is due again at once
    assert _lane_health() == before


@pytest.mark.parametrize(
    "kind", [Kind.NOT_ALLOWED, Kind.ORPHANED, Kind.BROKEN, Kind.UNARCHIVED, Kind.DEADLY]
)
def test_nor_does_what_is_our_own_decision(
    recipient: Recipient, endpoint: Endpoint, kind: Kind
) -> None:
    before = _lane_health()
    call_with(recipient, endpoint, kind)
    assert _lane_health() == before


def test_throttled(recipient: Recipient, endpoint: Endpoint) -> None:
    settled = call_with(recipient, endpoint, Kind.THROTTLED, retry_after=timedelta(seconds=90))
    lane = _lane(endpoint)
    assert (lane.state, lane.consecutive_failures) == (State.PAUSED, 0)
    assert lane.paused_until == settled.outcome.finished_at + timedelta(seconds=90)


@pytest.mark.parametrize("kind", [Kind.FAST, Kind.THROTTLED])
def test_a_failure_of_last_week_disables_nothing(
    recipient: Recipient, endpoint: Endpoint, kind: Kind
) -> None:
    """A mail was given up then, and none has come since."""
    now = timezone.now()
    Lane.objects.update(
        consecutive_failures=13,
        failing_since=now - timedelta(days=7),
        last_failure_at=now - timedelta(days=3),
    )
    settled = call_with(recipient, endpoint, kind)
    lane = _lane(endpoint)
    assert lane.state != State.DISABLED
    assert lane.failing_since == settled.outcome.finished_at


def test_gone(recipient: Recipient, endpoint: Endpoint) -> None:
    call_with(recipient, endpoint, Kind.GONE)
    lane = _lane(endpoint)
    assert (lane.state, lane.paused_until) == (State.DISABLED, None)
    assert lane.disabled_reason == "the receiver answered 410"


class TestProbes:
    @pytest.fixture(autouse=True)
    def _paused(self, endpoint: Endpoint) -> None:
        """Until a moment ago, after five failures."""
        now = timezone.now()
        Lane.objects.update(
            state=State.PAUSED,
            paused_until=now - timedelta(seconds=1),
            consecutive_failures=5,
            pause_count=1,
            failing_since=now - timedelta(seconds=2),
        )

    def test_success_opens_the_lane(self, recipient: Recipient, endpoint: Endpoint) -> None:
        call_with(recipient, endpoint, Kind.DELIVERED)
        lane = _lane(endpoint)
        assert (lane.state, lane.paused_until) == (State.ACTIVE, None)
        assert (lane.consecutive_failures, lane.pause_count) == (0, 0)

    def test_failure_pauses_twice_as_long(self, recipient: Recipient, endpoint: Endpoint) -> None:
        settled = call_with(recipient, endpoint, Kind.FAST)
        lane = _lane(endpoint)
        assert (lane.state, lane.pause_count) == (State.PAUSED, 2)
        assert lane.paused_until == settled.outcome.finished_at + timedelta(seconds=2)

    @pytest.mark.parametrize(
        ("kind", "status_code"),
        [(Kind.SLOW, 422), (Kind.REFUSED, 406), (Kind.ORPHANED, None), (Kind.NOT_ALLOWED, None)],
    )
    def test_one_that_says_nothing_lets_the_next_one_go(
        self, recipient: Recipient, endpoint: Endpoint, kind: Kind, status_code: int | None
    ) -> None:
        call_with(recipient, endpoint, kind, status_code=status_code)
        assert _lane(endpoint).state == State.PAUSED
        add_due(recipient, endpoint)
        (probe,) = claim_from(endpoint).jobs
        assert probe.is_probe


def test_stragglers_do_not_lengthen_a_pause(recipient: Recipient, endpoint: Endpoint) -> None:
    """32 calls were under way when the endpoint broke."""
    for _ in range(32):
        add_due(recipient, endpoint)
    jobs = claim_from(endpoint, slots=32).jobs
    for job in jobs:
        record([outcome_of(job, Kind.FAST)], SCHEDULE)
    lane = _lane(endpoint)
    assert (lane.state, lane.pause_count, lane.consecutive_failures) == (State.PAUSED, 1, 32)


@pytest.mark.django_db(transaction=True)
def test_two_recorders_at_the_same_time_count_all(recipient: Recipient, domain: Domain) -> None:
    """Two worker processes share two endpoints, and meet them in different order."""
    endpoints = [create_endpoint(domain, url=f"http://127.0.0.1:9/{n}") for n in range(2)]
    for endpoint in endpoints:
        for _ in range(20):
            add_due(recipient, endpoint)
    mine, theirs = (claim_from(*order).jobs for order in (endpoints, endpoints[::-1]))
    at_once(
        *[
            partial(record, [outcome_of(job, Kind.FAST) for job in jobs], SCHEDULE)
            for jobs in (mine, theirs[::-1])
        ]
    )
    for endpoint in endpoints:
        assert _lane(endpoint).consecutive_failures == 20
    assert set(Delivery.objects.values_list("status", flat=True)) == {Delivery.Status.FAILED}


@pytest.mark.django_db(transaction=True)
def test_two_recorders_do_not_wait_for_each_other_for_ever(
    recipient: Recipient, domain: Domain
) -> None:
    """What fails for one of them works for the other; both lanes are written by both. What failed
    is not due again before the test is over."""
    endpoints = [create_endpoint(domain, url=f"http://127.0.0.1:9/{n}") for n in range(2)]
    crossed = (Kind.SLOW, Kind.DELIVERED), (Kind.DELIVERED, Kind.SLOW)
    for _ in range(10):
        for endpoint in endpoints:
            for _ in range(2):
                add_due(recipient, endpoint)
        Lane.objects.update(consecutive_failures=1, due_at=None, last_success_at=None)
        batches = []
        for kinds in crossed:
            jobs = {job.endpoint_id: job for job in claim_from(*endpoints, slots=1).jobs}
            pairs = zip(endpoints, kinds, strict=True)
            batches.append([outcome_of(jobs[endpoint.id], kind) for endpoint, kind in pairs])
        at_once(*[partial(record, batch, SCHEDULE) for batch in batches])
    statuses = Counter(Delivery.objects.values_list("status", flat=True))
    assert statuses == {Delivery.Status.DELIVERED: 20, Delivery.Status.FAILED: 20}


@pytest.mark.parametrize("kind", [Kind.FAST, Kind.SLOW, Kind.BROKEN, Kind.THROTTLED, Kind.GONE])
def test_the_lane_is_due_when_its_delivery_is(
    recipient: Recipient, endpoint: Endpoint, kind: Kind
) -> None:
    """Another process may have set it to rest until the end of our claim."""
    add_due(recipient, endpoint)
    job = claim_one(endpoint)
    lanes.rest([endpoint.id])
    (settled,) = record([outcome_of(job, kind)], SCHEDULE)
    assert settled.due_at is not None
    assert _lane(endpoint).due_at == min(settled.due_at, job.claimed_until)


def test_a_healthy_lane_is_not_written_for_every_mail(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    """It is the one row that all its deliveries would wait for."""
    first = call_with(recipient, endpoint, Kind.DELIVERED).outcome.finished_at
    call_with(recipient, endpoint, Kind.DELIVERED)
    assert _lane(endpoint).last_success_at == first
    long_ago = first - SUCCESS_INTERVAL
    Lane.objects.update(last_success_at=long_ago)
    later = call_with(recipient, endpoint, Kind.DELIVERED).outcome.finished_at
    assert _lane(endpoint).last_success_at == later


def test_a_lane_that_was_deleted_is_no_obstacle(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint)
    jobs = claim_from(endpoint).jobs
    Endpoint.objects.all().delete()
    record([outcome_of(job, Kind.FAST) for job in jobs], SCHEDULE)
    assert Delivery.objects.get().status == Delivery.Status.FAILED
