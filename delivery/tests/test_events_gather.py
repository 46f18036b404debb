"""What happens is told once, together, and not while it may still mend itself."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Domain
from delivery.by_hand.deletion import delete_domain
from delivery.courier.recorder import record
from delivery.events import telling
from delivery.events.gathering import gather
from delivery.events.kinds import EventType
from delivery.lanes.answers import Kind
from delivery.lanes.health import FAILURES_TO_PAUSE
from delivery.models import (
    Delivery,
    Endpoint,
    EventNote,
    EventSending,
    Incident,
    Lane,
    Recipient,
)
from delivery.models.endpoint import hash_url
from delivery.routing.routing import MAX_TRIES, route
from delivery.tests.events import PACE, Channel, add_owner, tell, told
from delivery.tests.outcomes import SCHEDULE, call_with, outcome_of
from delivery.tests.records import create_endpoint
from delivery.tests.rules import add_rule, create_ruleset
from delivery.tests.submissions import ids_of, receive
from delivery.tests.waiting_mail import add_due, claim_from, claim_one
from rules.models import RuleSet

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]


def _pause(recipient: Recipient, *endpoints: Endpoint) -> None:
    for endpoint in endpoints:
        for _ in range(FAILURES_TO_PAUSE):
            call_with(recipient, endpoint, Kind.FAST)
            Delivery.objects.all().delete()


def _end_pause() -> None:
    Lane.objects.filter(state=Lane.State.PAUSED).update(paused_until=timezone.now())


def _recover(recipient: Recipient, endpoint: Endpoint) -> None:
    _end_pause()
    call_with(recipient, endpoint, Kind.DELIVERED)


def _exhaust(recipient: Recipient, endpoint: Endpoint, *, times: int = 1) -> None:
    for _ in range(times):
        add_due(recipient, endpoint)
    jobs = claim_from(endpoint, slots=times).jobs
    record([outcome_of(job, Kind.REFUSED) for job in jobs], SCHEDULE)


def test_nothing_is_written_for_ordinary_mail(recipient: Recipient, endpoint: Endpoint) -> None:
    """A success, a failure and one that is routed."""
    Lane.objects.update(last_success_at=timezone.now())
    add_due(recipient, endpoint)
    job = claim_one(endpoint)
    message = receive(recipient)
    with CaptureQueriesContext(connection) as queries:
        record([outcome_of(job, Kind.DELIVERED)], SCHEDULE)
        call_with(recipient, endpoint, Kind.FAST)
        route([message.id])
    assert not [query for query in queries if "event_notes" in query["sql"]]


def test_what_another_claim_has_exhausted_is_not_told_by_ours(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    add_due(recipient, endpoint)
    ours = claim_one(endpoint)
    Delivery.objects.update(claimed_until=timezone.now())
    theirs = claim_one(endpoint)
    record([outcome_of(theirs, Kind.REFUSED)], SCHEDULE)
    assert EventNote.objects.count() == 1
    record([outcome_of(ours, Kind.REFUSED)], SCHEDULE)
    assert EventNote.objects.count() == 1


def test_a_pause_is_told_after_the_grace(recipient: Recipient, endpoint: Endpoint) -> None:
    _pause(recipient, endpoint)
    assert told(1.9) == []
    assert told(2.1) == [("endpoint.paused", 1)]
    assert told(60) == []


def test_a_failed_probe_is_nothing_new(recipient: Recipient, endpoint: Endpoint) -> None:
    _pause(recipient, endpoint)
    assert told(3) == [("endpoint.paused", 1)]
    for _ in range(3):
        _end_pause()
        call_with(recipient, endpoint, Kind.FAST)
        Delivery.objects.all().delete()
    assert not EventNote.objects.exists()
    assert told(300) == []


def test_what_recovers_within_the_grace_alerts_nobody(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    for _ in range(3):
        _pause(recipient, endpoint)
        _recover(recipient, endpoint)
    assert told(300) == []


def test_a_recovery_is_told_to_those_who_know_of_the_pause(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    _pause(recipient, endpoint)
    assert told(3) == [("endpoint.paused", 1)]
    _recover(recipient, endpoint)
    assert told(1) == []
    assert told(3) == [("endpoint.recovered", 1)]
    assert told(600) == []


def test_a_recovery_that_does_not_last_is_not_told(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    _pause(recipient, endpoint)
    tell(3)
    _recover(recipient, endpoint)
    _pause(recipient, endpoint)
    assert told(600) == []
    _recover(recipient, endpoint)
    assert told(3) == [("endpoint.recovered", 1)]


def test_the_same_endpoint_once_in_an_interval(recipient: Recipient, endpoint: Endpoint) -> None:
    _pause(recipient, endpoint)
    tell(3)
    _recover(recipient, endpoint)
    tell(6)
    _pause(recipient, endpoint)
    assert told(50) == []
    assert told(64) == [("endpoint.paused", 1)]


def test_a_disabled_endpoint_is_told_whatever_comes_after(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    _pause(recipient, endpoint)
    _end_pause()
    call_with(recipient, endpoint, Kind.GONE)
    Lane.objects.update(state=Lane.State.PAUSED, paused_until=timezone.now())  # enabled
    call_with(recipient, endpoint, Kind.DELIVERED)
    (event,) = tell(3)
    assert event.type == EventType.DISABLED
    assert event.payload["reasons"] == [{"reason": "the receiver answered 410", "count": 1}]
    assert told(600) == [("endpoint.recovered", 1)]
    assert told(1200) == []


def test_many_exhausted_are_one_note_and_one_event(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    _exhaust(recipient, endpoint, times=50)
    (note,) = EventNote.objects.all()
    assert (note.count, note.reasons, len(note.deliveries)) == (50, {"refused": 50}, 5)
    (event,) = tell(3)
    assert event.payload["count"] == 50
    exhausted = Delivery.objects.filter(status=Delivery.Status.EXHAUSTED)
    assert exhausted.filter(id__in=event.payload["delivery_ids"]).count() == 5


def test_only_those_count_that_were_written(recipient: Recipient, endpoint: Endpoint) -> None:
    """The claim of one has run out, and another worker has it."""
    add_due(recipient, endpoint)
    late = claim_one(endpoint)
    Delivery.objects.update(claimed_until=timezone.now())
    claim_one(endpoint)
    record([outcome_of(late, Kind.REFUSED)], SCHEDULE)
    assert not EventNote.objects.exists()


def test_what_is_rolled_back_has_not_happened(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint)
    job = claim_one(endpoint)
    with transaction.atomic():
        record([outcome_of(job, Kind.GONE)], SCHEDULE)
        assert EventNote.objects.exists()
        transaction.set_rollback(True)
    assert not EventNote.objects.exists()


def test_later_ones_are_counted_until_the_interval_is_over(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    _exhaust(recipient, endpoint)
    assert told(3) == [("delivery.exhausted", 1)]
    for _ in range(7):
        _exhaust(recipient, endpoint)
        assert told(60) == []
    (event,) = tell(64)
    assert event.payload["count"] == 7
    assert event.payload["first_at"] < event.payload["last_at"]


def test_ten_thousand_quarantined_are_a_handful_of_events(recipient: Recipient) -> None:
    add_rule(create_ruleset(recipient.domain), "subject exists", action="quarantine")
    message = receive(recipient)
    route([message.id])
    note = EventNote.objects.get()
    assert (note.domain_id, note.count, note.reasons) == (
        recipient.domain_id,
        1,
        {Delivery.objects.get().reason: 1},
    )
    events = []
    for minute in range(100):
        EventNote.objects.bulk_create(
            EventNote(
                type=note.type,
                domain_id=note.domain_id,
                count=10,
                reasons={"rule: Spam/1": 10},
                deliveries=note.deliveries,
                at=note.at + timedelta(minutes=minute),
            )
            for _ in range(10)
        )
        events += tell(minute)
    events += tell(300)
    counts = [event.payload["count"] for event in events]
    assert sum(counts) == 10_001
    assert len(counts) == 3


def test_a_batch_of_routed_mail_is_one_note(recipient: Recipient) -> None:
    add_rule(create_ruleset(recipient.domain), "subject exists", action="quarantine")
    route(ids_of([receive(recipient) for _ in range(20)]))
    assert EventNote.objects.get().count == 20


def test_mail_that_cannot_be_routed(recipient: Recipient) -> None:
    message = receive(recipient)
    message.rcpt_to = "not a list of pairs"
    message.route_tries = MAX_TRIES
    message.save()
    route([message.id])
    (event,) = tell(3)
    assert event.type == EventType.QUARANTINED
    assert event.payload["reasons"] == [{"reason": "routing_error", "count": 1}]


def test_a_thousand_endpoints_of_a_domain_are_few_events(domain: Domain) -> None:
    urls = [f"http://127.0.0.1:9/{number}" for number in range(1000)]
    endpoints = Endpoint.objects.bulk_create(
        Endpoint(domain=domain, url=url, url_hash=hash_url(url)) for url in urls
    )
    now = timezone.now()
    EventNote.objects.bulk_create(
        EventNote(
            type=EventType.PAUSED,
            endpoint_id=endpoint.id,
            at=now + timedelta(seconds=number),  # over 17 minutes
            reasons={f"cannot connect to host-{number}": 1},
        )
        for number, endpoint in enumerate(endpoints)
    )
    events = [event for minute in range(40) for event in tell(minute)]
    assert sum(event.payload["endpoint_count"] for event in events) == 1000
    assert len(events) == 5
    biggest = max((event.payload for event in events), key=lambda payload: payload["count"])
    assert len(biggest["endpoints"]) == 20
    assert len(biggest["reasons"]) == 11
    assert sum(reason["count"] for reason in biggest["reasons"]) == biggest["count"]


def test_domains_do_not_wait_for_each_other(recipient: Recipient, endpoint: Endpoint) -> None:
    other = Domain.objects.create(domain_name="example.org")
    theirs = create_endpoint(other)
    _pause(recipient, endpoint, theirs)
    assert {event.payload["domain"] for event in tell(3)} == {"example.com", "example.org"}


def test_a_domain_that_is_gone_is_told_to_nobody(recipient: Recipient, endpoint: Endpoint) -> None:
    add_rule(create_ruleset(recipient.domain), "subject exists", action="quarantine")
    route([receive(recipient).id])
    _exhaust(recipient, endpoint)
    gather(PACE)
    add_rule(RuleSet.objects.get(), "subject exists", action="quarantine")
    route([receive(recipient).id])
    _pause(recipient, endpoint)
    delete_domain(recipient.domain)
    assert told(3) == []
    assert not Incident.objects.exists()


def test_who_is_told(domain: Domain, recipient: Recipient, endpoint: Endpoint) -> None:
    """Owners with an address who may sign in, each once; the operator's webhook."""
    add_owner(domain, "ada@owner.example")
    add_owner(domain, "bob@owner.example")
    add_owner(domain, "gone@owner.example", is_active=False)
    member = add_owner(domain, "member@owner.example")
    member.memberships.update(role="admin")
    add_owner(Domain.objects.create(domain_name="example.org"), "charlie@owner.example")
    no_mail = add_owner(domain, "nomail@owner.example")
    no_mail.email = None
    no_mail.save()
    _pause(recipient, endpoint)
    tell(3)
    sendings = EventSending.objects.order_by("address").values_list("channel", "address")
    assert list(sendings) == [
        (Channel.WEBHOOK, ""),
        (Channel.MAIL, "ada@owner.example"),
        (Channel.MAIL, "bob@owner.example"),
    ]


def test_without_anybody_to_tell_it_is_for_the_log_and_the_admin(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    _pause(recipient, endpoint)
    nobody = telling.Audience(has_webhook=False, has_mail=False)
    assert len(tell(3, audience=nobody)) == 1
    assert not EventSending.objects.exists()


def test_reasons_are_one_line_of_text(recipient: Recipient, endpoint: Endpoint) -> None:
    """Part of them is what a receiver has said."""
    for _ in range(FAILURES_TO_PAUSE):
        add_due(recipient, endpoint)
        error = "TLS\r\nBcc: x@evil.example\u2028\x1b[31m" + "y" * 400
        record([outcome_of(claim_one(endpoint), Kind.FAST, error=error)], SCHEDULE)
        Delivery.objects.all().delete()
    (event,) = tell(3)
    ((reason,),) = (event.payload["reasons"],)
    assert reason["reason"].startswith("TLS Bcc: x@evil.example [31myyy")
    assert len(reason["reason"]) == 200


def test_notes_of_a_newer_version_wait_for_it(recipient: Recipient, endpoint: Endpoint) -> None:
    EventNote.objects.create(type="something.new", endpoint_id=endpoint.id, at=timezone.now())
    _pause(recipient, endpoint)
    assert told(3) == [("endpoint.paused", 1)]
    assert EventNote.objects.get().type == "something.new"
