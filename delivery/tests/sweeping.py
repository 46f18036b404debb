"""The sweep, as if its time had come."""

from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from delivery.courier.sweeper import overdue_messages
from delivery.models import Message
from delivery.routing.sweep import sweep


def make_overdue() -> None:
    """All that is not routed."""
    past = timezone.now() - timedelta(hours=1)
    Message.objects.filter(route_due_at__isnull=False).update(route_due_at=past)


def sweep_now() -> set[UUID]:
    make_overdue()
    return sweep(overdue_messages().next_page())
