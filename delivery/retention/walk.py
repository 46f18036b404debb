"""Old rows, oldest first, a page at a time and by an index: no query reads a whole table."""

import uuid
from collections.abc import Iterator
from datetime import datetime

from django.db.models import Model, QuerySet

from fastsmtp import keyset

PAGE = 500  # rows of one transaction


def pages[M: Model](rows: QuerySet[M], *, by: str) -> Iterator[list[uuid.UUID]]:
    """Ids, by that column, which has an index. What was passed over is not met again. There is
    always a page, if only an empty one: who walks through many short tables can rest in between."""
    position = None
    while True:
        page = keyset.page(rows, position, by=by, size=PAGE)
        yield [key for _, key in page]
        if len(page) < PAGE:
            return
        position = page[-1]


def pages_by_domain[M: Model](
    rows: QuerySet[M], *, by: str, before: datetime
) -> Iterator[list[uuid.UUID]]:
    """The same for an index that begins with the domain, those of deleted domains included."""
    for domain_id in _domains(rows.model._default_manager.all(), by=by, before=before):
        yield from pages(rows.filter(domain_id=domain_id, **{f"{by}__lt": before}), by=by)


def _domains[M: Model](
    rows: QuerySet[M], *, by: str, before: datetime
) -> Iterator[uuid.UUID | None]:
    """Domains with rows from before; one step in the index for each domain."""
    if rows.filter(domain_id=None, **{f"{by}__lt": before}).exists():
        yield None
    left = rows.filter(domain_id__isnull=False)
    while found := left.order_by("domain_id", by).values_list("domain_id", by).first():
        domain_id, oldest = found
        if oldest < before:
            yield domain_id
        left = rows.filter(domain_id__gt=domain_id)
