"""Objects that a path names."""

from uuid import UUID

from django.db.models import Model, QuerySet
from django.shortcuts import get_object_or_404
from rest_framework.exceptions import ValidationError


def find_or_404[M: Model](rows: QuerySet[M], *, parameter: str, text: str) -> M:
    """The row with the id `text`; a malformed id is a 422, one that `rows` lack a 404."""
    try:
        row_id = UUID(text)
    except ValueError:
        raise ValidationError({parameter: "is not a UUID"}, code="invalid_uuid") from None
    return get_object_or_404(rows, pk=row_id)
