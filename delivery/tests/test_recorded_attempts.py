"""Each call leaves a record of how it went."""

from datetime import timedelta

import pytest

from delivery.courier.recorder import record
from delivery.lanes.answers import Kind
from delivery.models import Attempt, Endpoint, Recipient
from delivery.tests.outcomes import SCHEDULE, outcome_of, record_one
from delivery.tests.waiting_mail import add_due, claim_one

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]


def test_all_that_is_known_of_it(recipient: Recipient, endpoint: Endpoint) -> None:
    delivery = add_due(recipient, endpoint, attempts=6)
    outcome = outcome_of(
        claim_one(endpoint),
        Kind.FAST,
        status_code=502,
        error="the receiver answered 502",
        response_excerpt="<h1>Bad gateway – später</h1>",
        resolved_ip="2001:db8::1",
    )
    record([outcome], SCHEDULE)
    attempt = Attempt.objects.get()
    assert attempt.delivery == delivery
    assert attempt.number == 7
    assert attempt.started_at == outcome.started_at
    assert attempt.duration_ms == outcome.duration / timedelta(milliseconds=1) == 250
    assert (attempt.outcome, attempt.status_code) == (Kind.FAST, 502)
    assert attempt.error == "the receiver answered 502"
    assert attempt.response_excerpt == "<h1>Bad gateway – später</h1>"
    assert attempt.resolved_ip == "2001:db8::1"


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.UNKNOWN])
def test_of_every_kind(recipient: Recipient, endpoint: Endpoint, kind: Kind) -> None:
    delivery = add_due(recipient, endpoint)
    record_one(claim_one(endpoint), kind)
    (attempt,) = delivery.attempt_log.all()
    assert (attempt.number, attempt.outcome) == (1, kind)


def test_attempts_go_on_counting_after_a_manual_retry(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    delivery = add_due(recipient, endpoint, tries=0, attempts=12)
    record_one(claim_one(endpoint), Kind.DELIVERED)
    assert delivery.attempt_log.get().number == 13


def test_no_count_of_attempts_is_too_large(recipient: Recipient, endpoint: Endpoint) -> None:
    delivery = add_due(recipient, endpoint, attempts=40_000)
    record_one(claim_one(endpoint), Kind.DELIVERED)
    assert delivery.attempt_log.get().number == 40_001
