"""What waits for people is not deleted: it is discarded after its own, longer age, and said so."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from delivery.by_hand.discarding import discard
from delivery.by_hand.interventions import release
from delivery.models import Delivery, Endpoint, Lane, RawMessage, Recipient
from delivery.tests.old_mail import AGES, add_old, clean
from delivery.tests.records import create_endpoint
from fastsmtp.ids import uuid7

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

Status = Delivery.Status


@pytest.fixture
def disabled(endpoint: Endpoint) -> Endpoint:
    Lane.objects.update(state=Lane.State.DISABLED, due_at=timezone.now() - timedelta(days=100))
    return endpoint


def _add_held(recipient: Recipient, endpoint: Endpoint, *, days: float, **fields: Any) -> Delivery:
    due_at = timezone.now() - timedelta(days=days)
    values = {"status": Status.PENDING, "due_at": due_at, **fields}
    return add_old(recipient, endpoint, days=days, **values)


@pytest.mark.parametrize("status", Delivery.OPEN)
def test_held_for_too_long(recipient: Recipient, disabled: Endpoint, status: Status) -> None:
    younger = _add_held(recipient, disabled, days=39, status=status)
    older = _add_held(recipient, disabled, days=41, status=status)
    assert clean() == {"held": 1}
    for delivery, expected in ((younger, (status, "")), (older, ("discarded", "held too long"))):
        delivery.refresh_from_db()
        assert (delivery.status, delivery.reason) == expected
    assert (older.due_at, older.claim_id) == (None, None)
    assert RawMessage.objects.count() == 2
    assert clean() == {}  # its ages begin now


def test_what_was_made_due_again_is_held_anew(recipient: Recipient, disabled: Endpoint) -> None:
    _add_held(recipient, disabled, days=400, due_at=timezone.now() - timedelta(days=1))
    assert clean() == {}


def test_what_is_being_sent_is_not_held(recipient: Recipient, disabled: Endpoint) -> None:
    claim = {"claim_id": uuid7(), "claimed_until": timezone.now() + timedelta(minutes=1)}
    _add_held(recipient, disabled, days=400, **claim)
    assert clean() == {}


def test_what_waits_for_an_endpoint_that_works_is_never_discarded(
    recipient: Recipient, endpoint: Endpoint, disabled: Endpoint
) -> None:
    working = create_endpoint(recipient.domain, url="http://127.0.0.1:9/working")
    _add_held(recipient, working, days=400)
    assert clean() == {}


def test_quarantined_for_too_long(recipient: Recipient, endpoint: Endpoint) -> None:
    values: dict[str, Any] = {"status": Status.QUARANTINED, "reason": "rule: Spam/1"}
    younger = add_old(recipient, endpoint, days=89, **values)
    older = add_old(recipient, endpoint, days=91, **values)
    assert clean() == {"quarantined": 1}
    for delivery, expected in (
        (younger, ("quarantined", "rule: Spam/1")),
        (older, ("discarded", "quarantined too long")),
    ):
        delivery.refresh_from_db()
        assert (delivery.status, delivery.reason) == expected
    assert clean() == {}


def test_for_ever(recipient: Recipient, disabled: Endpoint) -> None:
    _add_held(recipient, disabled, days=4000)
    add_old(recipient, disabled, days=4000, status=Status.QUARANTINED)
    assert clean(replace(AGES, held=0, quarantined=0)) == {}


def test_every_page(
    recipient: Recipient, disabled: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("delivery.retention.walk.PAGE", 2)
    for _ in range(5):
        _add_held(recipient, disabled, days=41)
        add_old(recipient, disabled, days=91, status=Status.QUARANTINED)
    assert clean() == {"held": 5, "quarantined": 5}


def test_released_a_moment_before(recipient: Recipient, disabled: Endpoint) -> None:
    """It was quarantined when we looked, and is held now: that is another age."""
    delivery = add_old(recipient, disabled, days=91, status=Status.QUARANTINED)
    assert release([delivery.id]) == 1
    assert discard([delivery.id], reason="too old", status=Status.QUARANTINED) == 0
    assert clean() == {}


def test_it_is_logged(
    recipient: Recipient, disabled: Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    delivery = _add_held(recipient, disabled, days=41)
    clean()
    captured = capsys.readouterr()
    (line,) = [line for line in (captured.out + captured.err).splitlines() if "discarded" in line]
    for word in (str(delivery.id), "held too long", recipient.address):
        assert word in line
