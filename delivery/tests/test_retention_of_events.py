"""Events go with the log; an incident goes with what it is about."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Domain
from delivery.by_hand.deletion import delete_domain
from delivery.events.incidents import key_of
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
    OperationalEvent,
    Recipient,
)
from delivery.tests.events import tell
from delivery.tests.old_mail import AGES, add_old_event, clean
from delivery.tests.outcomes import call_with

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]


def _add_incident(domain: Domain, endpoint: Endpoint | None) -> Incident:
    type = EventType.PAUSED if endpoint else EventType.QUARANTINED
    subject = endpoint or domain
    return Incident.objects.create(
        key=key_of(type, subject.pk),
        type=type,
        domain=domain,
        endpoint=endpoint,
        told_at=timezone.now() - timedelta(days=400),
    )


def test_they_go_with_the_log(domain: Domain) -> None:
    young = add_old_event(domain, days=13)
    add_old_event(domain, days=15)
    assert clean() == {"events": 1, "event_notes": 1, "incidents": 2}
    assert OperationalEvent.objects.get() == young
    assert EventSending.objects.get().event == young
    assert EventNote.objects.count() == 1


def test_for_ever(domain: Domain) -> None:
    add_old_event(domain, days=4000)
    assert clean(replace(AGES, log=0)) == {"incidents": 1}


def test_an_event_that_is_still_being_sent(domain: Domain) -> None:
    event = add_old_event(domain, days=1.5)
    EventSending.objects.update(sent_at=None, due_at=timezone.now())
    clean(replace(AGES, log=1))
    assert EventSending.objects.get().event == event


def test_what_people_believe_of_an_endpoint_is_remembered(
    domain: Domain, endpoint: Endpoint
) -> None:
    """However long ago it was: they are told when it works again."""
    _add_incident(domain, endpoint)
    _add_incident(domain, None)
    assert clean() == {}


def test_incidents_go_with_what_they_are_about(domain: Domain, endpoint: Endpoint) -> None:
    _add_incident(domain, endpoint)
    kept = _add_incident(domain, None)
    endpoint.delete()
    assert clean() == {"incidents": 1}
    assert Incident.objects.get() == kept


def test_of_a_deleted_domain(recipient: Recipient, endpoint: Endpoint) -> None:
    """Noted or told already: nothing of it stays, and nobody is told more."""
    for _ in range(FAILURES_TO_PAUSE):
        call_with(recipient, endpoint, Kind.FAST)
    assert len(tell(3)) == 1
    Lane.objects.update(paused_until=timezone.now())
    Delivery.objects.update(due_at=None)
    call_with(recipient, endpoint, Kind.GONE)
    assert EventNote.objects.exists()
    delete_domain(recipient.domain)
    assert tell(600) == []
    OperationalEvent.objects.update(created_at=timezone.now() - timedelta(days=15))
    assert clean()["events"] == 1
    assert not EventNote.objects.exists()
    assert not Incident.objects.exists()
