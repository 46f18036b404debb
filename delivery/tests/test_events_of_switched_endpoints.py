"""A person who closes or opens an endpoint makes no event; what its receiver does then may."""

import pytest
from django.utils import timezone

from delivery.lanes.answers import Kind
from delivery.lanes.health import FAILURES_TO_PAUSE
from delivery.lanes.switch import disable, enable
from delivery.models import Delivery, Endpoint, EventNote, Lane, Recipient
from delivery.tests.events import told
from delivery.tests.outcomes import call_with

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]


def _call(recipient: Recipient, endpoint: Endpoint, kind: Kind) -> None:
    """By the next probe, if it takes one."""
    Delivery.objects.all().delete()
    Lane.objects.exclude(state=Lane.State.ACTIVE).update(paused_until=timezone.now())
    call_with(recipient, endpoint, kind)


def test_nobody_is_told_of_what_a_person_did(recipient: Recipient, endpoint: Endpoint) -> None:
    disable(endpoint.id, by="alice")
    enable(endpoint.id, by="alice")
    _call(recipient, endpoint, Kind.DELIVERED)
    assert told(600) == []


def test_enabled_it_is_only_told_when_it_works(recipient: Recipient, endpoint: Endpoint) -> None:
    _call(recipient, endpoint, Kind.GONE)
    assert told(3) == [("endpoint.disabled", 1)]
    enable(endpoint.id, by="alice")
    assert told(600) == []
    _call(recipient, endpoint, Kind.DELIVERED)
    assert told(600) == [("endpoint.recovered", 1)]


def test_one_that_was_paused_before_a_person_closed_it(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    for _ in range(FAILURES_TO_PAUSE):
        _call(recipient, endpoint, Kind.FAST)
    assert told(3) == [("endpoint.paused", 1)]
    disable(endpoint.id, by="alice")
    enable(endpoint.id, by="alice")
    _call(recipient, endpoint, Kind.DELIVERED)
    assert told(600) == [("endpoint.recovered", 1)]


def test_enabled_in_vain_it_is_told(recipient: Recipient, endpoint: Endpoint) -> None:
    """Else nobody would hear of it until it is disabled, five days later."""
    disable(endpoint.id, by="alice")
    enable(endpoint.id, by="alice")
    _call(recipient, endpoint, Kind.FAST)
    assert told(3) == [("endpoint.paused", 1)]
    _call(recipient, endpoint, Kind.FAST)
    assert not EventNote.objects.exists()
    _call(recipient, endpoint, Kind.DELIVERED)
    assert told(3) == [("endpoint.recovered", 1)]


def test_enabled_and_closed_by_its_receiver_again(recipient: Recipient, endpoint: Endpoint) -> None:
    for minutes in (3, 10):
        _call(recipient, endpoint, Kind.GONE)
        assert told(minutes) == [("endpoint.disabled", 1)]
        enable(endpoint.id, by="alice")
    assert told(600) == []


def test_a_probe_that_says_nothing(recipient: Recipient, endpoint: Endpoint) -> None:
    disable(endpoint.id, by="alice")
    enable(endpoint.id, by="alice")
    _call(recipient, endpoint, Kind.REFUSED)
    assert not EventNote.objects.filter(type="endpoint.paused").exists()
