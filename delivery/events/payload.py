"""What the receiver of an event is told: docs/events.schema.json as code."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from accounts.models import Domain
from delivery.events.kinds import EventType
from delivery.events.notes import MAX_DELIVERIES, merge_reasons
from delivery.events.wording import summarize
from delivery.models import Delivery, Endpoint, Incident, OperationalEvent

SCHEMA_VERSION = 1
MAX_ENDPOINTS = 20  # of one event that are told one by one
MAX_WAITING = 10_000  # deliveries that are counted


def build_payload(
    event: OperationalEvent,
    domain: Domain,
    incidents: Sequence[Incident],
    endpoints: Mapping[uuid.UUID, Endpoint],
    public_address: str,
) -> dict[str, Any]:
    """`incidents` are of one type and domain; those that happened most often come first."""
    by_count = sorted(incidents, key=lambda incident: -incident.count)
    concerned = [(i, endpoints[i.endpoint_id]) for i in by_count if i.endpoint_id is not None]
    deliveries = [id for incident in by_count for id in incident.deliveries]
    payload = {
        "type": str(event.type),
        "schema_version": SCHEMA_VERSION,
        "id": str(event.id),
        "timestamp": _moment(event.created_at),
        "domain": domain.domain_name,
        "summary": "",
        "count": sum(incident.count for incident in by_count),
        "first_at": _moment(min(i.first_at for i in by_count if i.first_at)),
        "last_at": _moment(max(i.last_at for i in by_count if i.last_at)),
        "reasons": _reasons(*(incident.reasons for incident in by_count)),
        "delivery_ids": deliveries[:MAX_DELIVERIES],
        "endpoint_count": len(concerned),
        "endpoints": [
            _endpoint(incident, endpoint, public_address)
            for incident, endpoint in concerned[:MAX_ENDPOINTS]
        ],
        "admin_url": _admin_url(EventType(event.type), domain, public_address),
    }
    payload["summary"] = summarize(payload)
    return payload


def _endpoint(incident: Incident, endpoint: Endpoint, public_address: str) -> dict[str, Any]:
    """Of its URL only the host: the path is often what keeps a webhook secret."""
    return {
        "id": str(endpoint.id),
        "host": urlsplit(endpoint.url).hostname or "",
        "count": incident.count,
        "first_at": incident.first_at and _moment(incident.first_at),
        "last_at": incident.last_at and _moment(incident.last_at),
        "reasons": _reasons(incident.reasons),
        "waiting": _count_waiting(endpoint),
        "admin_url": f"{public_address}/admin/delivery/endpoint/{endpoint.id}/change/",
    }


def _count_waiting(endpoint: Endpoint) -> int:
    waiting = Delivery.objects.filter(endpoint_id=endpoint.id, due_at__isnull=False)
    return waiting.values("endpoint_id")[:MAX_WAITING].count()


def _reasons(*counts: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"reason": text, "count": count} for text, count in merge_reasons(*counts).items()]


def _admin_url(type: EventType, domain: Domain, public_address: str) -> str:
    """The list in the admin that shows what the event is about."""
    match type:
        case EventType.EXHAUSTED | EventType.QUARANTINED:
            status = type.partition(".")[2]
            page, choice = "delivery", f"status__exact={status}&domain__id__exact={domain.id}"
        case _:
            page, choice = "endpoint", f"domain__id__exact={domain.id}"
    return f"{public_address}/admin/delivery/{page}/?{choice}"


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
