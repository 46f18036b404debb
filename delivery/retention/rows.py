"""Locking and deleting rows in single statements."""

import uuid
from collections.abc import Collection

from django.db.models import Model, QuerySet


def lock[M: Model](rows: QuerySet[M]) -> list[uuid.UUID]:
    """Ids of those that nobody else has locked; ours until the commit."""
    return list(_ids(rows.select_for_update(skip_locked=True)))


def wait_for[M: Model](rows: QuerySet[M]) -> list[uuid.UUID]:
    """Ids of all, locked in the order of the ids, as everybody does."""
    return list(_ids(rows.select_for_update()))


def erase_where(model: type[Model], **conditions: Collection[uuid.UUID | int]) -> int:
    """One DELETE of the rows whose column is in a list. The ORM's own would read every dependent
    row, contents included, into memory; here the caller has deleted those before."""
    if not all(conditions.values()):
        return 0
    rows = model._default_manager.filter(**conditions)
    return rows._raw_delete(rows.db)


def _ids[M: Model](rows: QuerySet[M]) -> "QuerySet[M, uuid.UUID]":
    return rows.order_by("pk").values_list("pk", flat=True)
