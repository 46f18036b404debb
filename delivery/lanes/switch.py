"""People close an endpoint and open it again. What waits there is `held` meanwhile: its lane is the
only row that changes, however much it is. That is no event for others: whoever did it knows, and
the log tells who it was."""

import uuid
from collections.abc import Callable
from dataclasses import asdict

from django.db import transaction
from django.utils import timezone

from delivery.lanes.health import Health
from delivery.models import Lane
from fastsmtp import maillog


def enable(endpoint_id: uuid.UUID, *, by: str = "") -> Health:
    """Disabled or paused: it is probed now, and what was held goes when it works. Raises
    Lane.DoesNotExist."""
    return _change(endpoint_id, lambda health: health.enabled(timezone.now()), by=by)


def disable(endpoint_id: uuid.UUID, *, by: str = "", reason: str = "") -> Health:
    """Nothing more is sent until it is enabled; a call under way may still succeed. Raises
    Lane.DoesNotExist."""
    reason = (reason or (f"by {by}" if by else ""))[:255]
    return _change(endpoint_id, lambda health: health.disabled(reason), by=by)


def _change(endpoint_id: uuid.UUID, change: Callable[[Health], Health], *, by: str) -> Health:
    with transaction.atomic():
        lane = Lane.objects.select_for_update().get(pk=endpoint_id)
        before = lane.health
        after = change(before)
        if after != before:
            Lane.objects.filter(pk=endpoint_id).update(**asdict(after))
    if after.state != before.state:
        maillog.endpoint_changed(
            endpoint_id=endpoint_id,
            url=lane.endpoint.url,
            before=before.state.value,
            after=after.state.value,
            reason=after.disabled_reason or "enabled",
            by=by,
        )
    return after
