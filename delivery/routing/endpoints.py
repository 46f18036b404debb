"""Endpoints: made when routing first meets a URL."""

import uuid
from collections.abc import Collection
from datetime import datetime
from functools import partial

from django.db import transaction

from delivery.lanes import lanes
from delivery.models import Endpoint, Lane
from delivery.models.endpoint import hash_url

# (domain id, URL) → endpoint id. An entry may be stale only when the endpoint was deleted, and
# then its lane is gone too, which routing notices.
_known: dict[tuple[uuid.UUID, str], uuid.UUID] = {}
MAX_KNOWN = 50_000


def id_of(domain_id: uuid.UUID, url: str) -> uuid.UUID:
    """The endpoint of a URL in a domain; a missing one is made. Inside a transaction."""
    endpoint_id = _known.get((domain_id, url))
    return endpoint_id or _find_or_create(domain_id, url)


class EndpointsGone(Exception):
    """An endpoint was deleted since we learned its id: give up the transaction and try again."""


def wake(endpoint_ids: Collection[uuid.UUID], *, at: datetime) -> None:
    """As `lanes.wake`, for ids that may be stale. Raises EndpointsGone, having forgotten them."""
    gone = set(endpoint_ids) - lanes.wake(endpoint_ids, at=at)
    if gone:
        _forget(gone)
        raise EndpointsGone


def _forget(endpoint_ids: Collection[uuid.UUID]) -> None:
    for target in [key for key, value in _known.items() if value in endpoint_ids]:
        _known.pop(target, None)


def _find_or_create(domain_id: uuid.UUID, url: str) -> uuid.UUID:
    endpoint, _ = Endpoint.objects.get_or_create(
        domain_id=domain_id, url_hash=hash_url(url), defaults={"url": url}
    )
    Lane.objects.get_or_create(endpoint=endpoint)
    # One that is found may have been made in this transaction too, which may be rolled back.
    transaction.on_commit(partial(_remember, domain_id, url, endpoint.id))
    return endpoint.id


def _remember(domain_id: uuid.UUID, url: str, endpoint_id: uuid.UUID) -> None:
    if len(_known) >= MAX_KNOWN:
        _known.clear()
    _known[domain_id, url] = endpoint_id
