"""Rows are deleted by single statements, without the ORM's cascade: each table that refers to them
has to be emptied before, on every database."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import ForeignKey, Model
from django.utils import timezone

from delivery.by_hand.deletion import delete_domain
from delivery.models import (
    ArchiveDue,
    Attempt,
    Delivery,
    Endpoint,
    EventSending,
    Message,
    OperationalEvent,
    RawChunk,
    RawMessage,
    Recipient,
    Replay,
    ReplayItem,
    StoredObject,
)
from delivery.tests.old_mail import add_object, add_old, add_old_event, add_old_replay, clean

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

type Reference = tuple[type[Model], str]

DELETED = (Message, Delivery, RawMessage, Replay, OperationalEvent)


def _references() -> set[Reference]:
    """Those that the database watches over."""
    return {
        (model, field.name)
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.concrete_fields
        if isinstance(field, ForeignKey) and field.related_model in DELETED and field.db_constraint  # type: ignore[attr-defined]
    }


def _add_chunk(delivery: Delivery) -> None:
    raw = delivery.message.raw
    assert raw is not None
    RawChunk.objects.create(raw=raw, number=1, content=b"x")
    RawMessage.objects.update(size=2 * 1024 * 1024)


def _add_archive_due(delivery: Delivery) -> None:
    ArchiveDue.objects.create(
        message=delivery.message, domain_name="example.com", due_at=timezone.now()
    )


def _add_replay(delivery: Delivery) -> None:
    assert delivery.domain is not None
    add_old_replay(delivery.domain, days=31)


def _add_event(delivery: Delivery) -> None:
    assert delivery.domain is not None
    add_old_event(delivery.domain, days=31)


def _add_archived(delivery: Delivery) -> None:
    add_object(delivery.message, number=StoredObject.RAW)


def _nothing_more(_: Delivery) -> None:
    """An old delivery has it."""


# A new reference belongs here, and into `delivery.retention`.
WAYS: dict[Reference, Callable[[Delivery], Any]] = {
    (Delivery, "message"): _nothing_more,
    (Attempt, "delivery"): _nothing_more,
    (Message, "raw"): _nothing_more,
    (RawChunk, "raw"): _add_chunk,
    (StoredObject, "message"): _add_archived,
    (ArchiveDue, "message"): _add_archive_due,
    (ReplayItem, "replay"): _add_replay,
    (EventSending, "event"): _add_event,
}


def test_every_reference_is_known() -> None:
    assert _references() == set(WAYS)


@pytest.mark.parametrize("reference", WAYS, ids=lambda it: f"{it[0].__name__}.{it[1]}")
@pytest.mark.parametrize("has_domain", [True, False], ids=["", "domain deleted"])
def test_none_is_left(
    recipient: Recipient, endpoint: Endpoint, reference: Reference, has_domain: bool
) -> None:
    delivery = add_old(recipient, endpoint, days=31)
    WAYS[reference](delivery)
    model = reference[0]
    assert model._default_manager.exists()
    if not has_domain:
        delete_domain(recipient.domain)
    clean()
    connection.check_constraints()
    assert not model._default_manager.exists()
    assert not any(table._default_manager.exists() for table in DELETED)
