"""A recipient's URL is corrected: what waits for it moves to the endpoint of the new one.

That is always another endpoint, with the secret and the limits of the one before: its health begins
anew, since what a wrong URL answered says nothing about the right one, and no process that
remembers the endpoint of the old URL can send somebody else's mail to the new one. The old endpoint
is deleted when nothing is left there and nobody else uses it.
"""

import logging
import random
import time
import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from itertools import batched

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from delivery.by_hand import destinations, moving
from delivery.models import Delivery, Endpoint, Lane, Recipient, Relocation
from delivery.models.endpoint import hash_url
from delivery.routing.endpoints import EndpointsGone
from fastsmtp.orm import UNREADABLE

log = logging.getLogger(__name__)

RUN_TIME = 1.0  # seconds
AT_ONCE = 500  # deliveries in one transaction
RECIPIENTS_AT_ONCE = 500  # in one statement
# Mail that was being routed when the URL changed may still be put where it was.
GRACE = timedelta(minutes=1)

_CONFIGURATION = (
    "mode",
    "secret",
    "previous_secret",
    "previous_secret_expires_at",
    "max_body_bytes",
    "timeout_seconds",
    "concurrency",
)


def save_recipient(recipient: Recipient) -> None:
    """Saves it, new or changed. If its URL is another one, what waits follows in the background."""
    with transaction.atomic():
        stored = Recipient.objects.filter(pk=recipient.pk).select_for_update().first()
        recipient.save()
        if stored is None or stored.webhook_url == recipient.webhook_url:
            return
        source = _endpoint(recipient.domain_id, stored.webhook_url)
        if source is None:
            return
        if _endpoint(recipient.domain_id, recipient.webhook_url) is None:
            known = {name: getattr(source, name) for name in _CONFIGURATION}
            # A secret that no key opens has signed nothing: the new endpoint gets one of its own.
            copied = {name: value for name, value in known.items() if value is not UNREADABLE}
            target = Endpoint.objects.create(
                domain_id=recipient.domain_id, url=recipient.webhook_url, **copied
            )
            Lane.objects.create(endpoint=target)
        Relocation.objects.create(recipient=recipient, endpoint=source)


def move_some() -> set[uuid.UUID]:
    """For a moment; returns the endpoints that got something to do."""
    until = time.monotonic() + RUN_TIME
    woken: set[uuid.UUID] = set()
    for source, relocations in _by_source():
        try:
            woken |= _move(source, relocations, until)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("what waits at endpoint %s cannot be moved", source.pk)
        if time.monotonic() >= until:
            break
    return woken


def _by_source() -> list[tuple[Endpoint, list[Relocation]]]:
    """In another order every time: none of them always comes last."""
    relocations = Relocation.objects.select_related("recipient", "endpoint").only(
        "created_at",
        "recipient__domain_id",
        "recipient__webhook_url",
        "endpoint__domain_id",
        "endpoint__url",
    )
    theirs: dict[uuid.UUID, list[Relocation]] = defaultdict(list)
    for relocation in relocations.order_by("id"):
        theirs[relocation.endpoint_id].append(relocation)
    parts = [part for all in theirs.values() for part in batched(all, RECIPIENTS_AT_ONCE)]
    random.shuffle(parts)
    return [(part[0].endpoint, list(part)) for part in parts]


def _move(source: Endpoint, relocations: Sequence[Relocation], until: float) -> set[uuid.UUID]:
    """What waits there for them, read once for all. Who has nothing more there is done."""
    woken: set[uuid.UUID] = set()
    stuck: set[uuid.UUID] = set()  # being sent, or cannot be moved
    while True:
        leaving = _leaving(source, relocations) - stuck
        waiting = moving.read(moving.waiting(source, leaving))
        for recipient_id, ids in waiting.items():
            for part in batched(ids, AT_ONCE):
                target = _try_to_move(source, recipient_id, part)
                if target is None:
                    stuck.add(recipient_id)
                    break
                woken.add(target)
                if time.monotonic() >= until:
                    return woken
        stuck |= {recipient_id for recipient_id, ids in waiting.items() if not ids}
        if not any(waiting.values()):
            _finish(source, [item for item in relocations if item.recipient_id not in stuck])
            return woken


def _try_to_move(
    source: Endpoint, recipient_id: uuid.UUID, ids: Sequence[uuid.UUID]
) -> uuid.UUID | None:
    """The endpoint that got something to do. One that fails does not hold up the others."""
    try:
        return moving.move(source, recipient_id, ids)
    except (EndpointsGone, Recipient.DoesNotExist):
        return None  # the next run knows better
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("recipient %s: waiting mail cannot be moved", recipient_id)
        return None


def _finish(source: Endpoint, relocations: Sequence[Relocation]) -> None:
    """But for those whose mail was on its way there until we had the lane's lock."""
    old = [item for item in relocations if item.created_at <= timezone.now() - GRACE]
    if not old:
        return
    with transaction.atomic():
        list(Lane.objects.filter(pk=source.pk).select_for_update())
        left = moving.waiting(source, _leaving(source, old)).order_by().distinct()
        busy = set(left.values_list("recipient_id", flat=True))
        done = [item.pk for item in old if item.recipient_id not in busy]
        Relocation.objects.filter(pk__in=done).delete()
        if not _is_used(source):
            source.delete()


def _leaving(source: Endpoint, relocations: Sequence[Relocation]) -> set[uuid.UUID]:
    """Recipients. Whose URL was corrected back has its mail where it belongs."""
    return {item.recipient_id for item in relocations if item.recipient.webhook_url != source.url}


def _is_used(endpoint: Endpoint) -> bool:
    """Its lane is locked: nothing can be added just now."""
    domain_id, url = endpoint.domain_id, endpoint.url
    return (
        Recipient.objects.filter(domain_id=domain_id, webhook_url=url).exists()
        or destinations.rules_to(domain_id, url).exists()
        or Relocation.objects.filter(endpoint=endpoint).exists()
        or Delivery.objects.filter(endpoint_id=endpoint.pk, due_at__isnull=False).exists()
    )


def _endpoint(domain_id: uuid.UUID, url: str) -> Endpoint | None:
    return Endpoint.objects.filter(domain_id=domain_id, url_hash=hash_url(url)).first()
