"""Which deliveries are called next: due ones, each by one process, none pushed out by others."""

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from accounts.models import Domain
from delivery.courier.claims import MARGIN, claim
from delivery.jobs import load_raw
from delivery.lanes.health import LaneState
from delivery.models import Delivery, Endpoint, Lane, Recipient
from delivery.models.message import CHUNK_SIZE, SMALL
from delivery.tests.records import RAW, URL, create_delivery, create_endpoint
from delivery.tests.submissions import receive
from delivery.tests.threads import at_once
from delivery.tests.waiting_mail import TIMEOUT, add_due, claim_from, claim_one
from fastsmtp.ids import uuid7

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]


@pytest.fixture
def other(domain: Domain) -> Endpoint:
    return create_endpoint(domain, url="http://127.0.0.1:9/other")


def test_the_oldest_come_first_up_to_the_limit(recipient: Recipient, endpoint: Endpoint) -> None:
    ages = {add_due(recipient, endpoint, age=age).id: age for age in (3, 1, 5, 2, 4)}
    first = claim_from(endpoint, slots=2)
    assert {ages[job.delivery_id] for job in first.jobs} == {5, 4}
    assert first.dry == set()
    second = claim_from(endpoint, slots=4)
    assert {ages[job.delivery_id] for job in second.jobs} == {3, 2, 1}
    assert second.dry == {endpoint.id}
    assert claim_from(endpoint).jobs == []


def test_a_long_backlog_does_not_push_out_another_lane(
    recipient: Recipient, endpoint: Endpoint, other: Endpoint
) -> None:
    for _ in range(12):
        add_due(recipient, endpoint, age=3600)
    add_due(recipient, other)
    claimed = claim({endpoint.id: 3, other.id: 5}, timeout=TIMEOUT)
    assert Counter(job.endpoint_id for job in claimed.jobs) == {endpoint.id: 3, other.id: 1}
    assert claimed.dry == {other.id}


def test_more_lanes_than_one_statement_takes(recipient: Recipient) -> None:
    endpoints = [
        create_endpoint(recipient.domain, url=f"http://127.0.0.1:9/{number}")
        for number in range(103)
    ]
    deliveries = [add_due(recipient, endpoint) for endpoint in endpoints[::20]]
    claimed = claim_from(*endpoints)
    assert {job.delivery_id for job in claimed.jobs} == {delivery.id for delivery in deliveries}


def test_only_what_is_due(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint, age=-60)
    add_due(recipient, endpoint, status=Delivery.Status.DELIVERED, due_at=None)
    assert claim_from(endpoint).jobs == []


def test_the_try_is_counted_before_the_call(recipient: Recipient, endpoint: Endpoint) -> None:
    delivery = add_due(recipient, endpoint, tries=2, attempts=5)
    before = timezone.now()
    job = claim_one(endpoint)
    assert (job.tries, job.attempts) == (3, 6)
    delivery.refresh_from_db()
    assert (delivery.tries, delivery.attempts) == (3, 6)
    assert delivery.claim_id == job.claim_id
    assert delivery.claimed_until == job.claimed_until
    assert before <= job.claimed_until - TIMEOUT - MARGIN <= timezone.now()


def test_the_claim_outlasts_an_endpoint_with_a_longer_timeout(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    Endpoint.objects.update(timeout_seconds=300)
    add_due(recipient, endpoint)
    until = claim_one(endpoint).claimed_until
    assert until >= timezone.now() + timedelta(seconds=300)


def test_a_longer_timeout_is_not_that_of_others_in_the_same_claim(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    """A worker that dies would silence them for as long, too."""
    patient = create_endpoint(recipient.domain, url="http://127.0.0.1:9/patient")
    Endpoint.objects.filter(id=patient.id).update(timeout_seconds=3600)
    Lane.objects.update(state=LaneState.PAUSED)
    for each in (endpoint, patient):
        add_due(recipient, each)
    jobs = claim({endpoint.id: 2, patient.id: 2}, timeout=TIMEOUT).jobs
    ends = {job.endpoint_id: job.claimed_until for job in jobs}
    assert ends[patient.id] - ends[endpoint.id] == timedelta(hours=1) - TIMEOUT
    assert dict(Lane.objects.values_list("endpoint_id", "paused_until")) == ends
    stored = Delivery.objects.values_list("endpoint_id", "claimed_until")
    assert dict(stored) == ends


def test_a_claimed_delivery_is_not_claimed_again(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint)
    claim_one(endpoint)
    again = claim_from(endpoint)
    assert (again.jobs, again.dry) == ([], {endpoint.id})


@pytest.mark.django_db(transaction=True)
def test_two_processes_at_the_same_time_share(recipient: Recipient, endpoint: Endpoint) -> None:
    deliveries = {add_due(recipient, endpoint).id for _ in range(20)}
    halves = at_once(*[partial(claim_from, endpoint, slots=10) for _ in range(2)])
    ids = [job.delivery_id for half in halves for job in half.jobs]
    assert len(ids) == len(set(ids))
    rest = claim_from(endpoint, slots=20).jobs
    assert {*ids, *(job.delivery_id for job in rest)} == deliveries
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {1}


def test_an_endpoint_that_was_deleted_has_nothing_to_do(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    gone = uuid7()
    add_due(recipient, endpoint)
    claimed = claim({gone: 5, endpoint.id: 5}, timeout=TIMEOUT)
    assert len(claimed.jobs) == 1
    assert gone in claimed.dry
    assert claimed.closed == {}


def test_nothing_to_claim(db: None) -> None:
    claimed = claim({}, timeout=TIMEOUT)
    assert (claimed.jobs, claimed.dry, claimed.closed) == ([], set(), {})


def test_a_job_has_all_that_its_call_needs(domain: Domain) -> None:
    recipient = Recipient.objects.create(
        domain=domain, local_part="support", webhook_url=URL, webhook_headers={"X-Key": "s3cret"}
    )
    endpoint = create_endpoint(domain, url=URL)
    delivery = add_due(recipient, endpoint, tags=["vip"])
    message = delivery.message
    job = claim_one(endpoint)
    assert (job.delivery_id, job.endpoint_id) == (delivery.id, endpoint.id)
    assert job.recipient_address == "support@example.com"
    assert job.recipient_url == URL
    assert job.recipient_headers == {"X-Key": "s3cret"}
    assert job.status == Delivery.Status.PENDING
    assert job.tags == ["vip"]
    assert job.created_at == delivery.created_at
    assert (job.message_id, job.raw_id) == (message.id, message.raw_id)
    assert job.mail_from == "ada@example.org"
    assert job.rcpt_to == [["support@example.com", str(recipient.id)]]
    assert job.client_ip == "192.0.2.1"
    assert (job.size, job.raw) == (len(RAW), RAW)
    assert job.received_at == message.received_at
    assert (job.dkim_result, job.dkim_domain) == ("none", None)
    assert (job.spf_result, job.spf_domain) == ("none", None)
    assert job.target.url == URL
    assert job.target.secret == endpoint.secret
    assert job.target.domain_name == "example.com"
    assert not job.is_probe


@pytest.mark.parametrize("size", [SMALL + 1, CHUNK_SIZE, CHUNK_SIZE + 1])
def test_a_large_message_is_loaded_apart(
    recipient: Recipient, endpoint: Endpoint, size: int
) -> None:
    raw = b"x" * size
    create_delivery(receive(recipient, raw=raw), recipient, endpoint, due_at=timezone.now())
    job = claim_one(endpoint)
    assert job.raw is None
    assert load_raw(job.message_id) == raw


def test_a_small_message_comes_along(recipient: Recipient, endpoint: Endpoint) -> None:
    raw = b"x" * SMALL
    add_due(recipient, endpoint, raw=raw)
    assert claim_one(endpoint).raw == raw


def test_a_deleted_recipient_has_no_url(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint)
    Recipient.objects.all().delete()
    job = claim_one(endpoint)
    assert (job.recipient_url, job.recipient_headers) == (None, None)
