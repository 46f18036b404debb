"""Walking through a long table in the order of a time and the primary key: each step begins where
the one before ended, and costs the same however far it is."""

import uuid
from datetime import datetime
from typing import Any

from django.db.models import Model, Q, QuerySet

OLDEST_FIRST = ("created_at", "pk")
NEWEST_FIRST = ("-created_at", "-pk")

type Position = tuple[datetime, uuid.UUID]


def after(position: Position, *, by: str = "created_at") -> Q:
    """What follows it, oldest first. The first part is what an index can begin with."""
    at, key = position
    return Q(**{f"{by}__gte": at}) & (Q(**{f"{by}__gt": at}) | Q(pk__gt=key))


def before(position: Position) -> Q:
    """What follows it, newest first."""
    at, key = position
    return Q(created_at__lte=at) & (Q(created_at__lt=at) | Q(pk__lt=key))


def page[M: Model](
    rows: QuerySet[M], position: Position | None, *, by: str, size: int
) -> list[tuple[Any, uuid.UUID]]:
    """The positions of the next rows, oldest first; from the beginning where there is none."""
    if position is not None:
        rows = rows.filter(after(position, by=by))
    return list(rows.order_by(by, "pk").values_list(by, "pk")[:size])
