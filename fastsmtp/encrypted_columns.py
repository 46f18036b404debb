"""The encrypted columns of all models, found by their field, and what is stored in them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.db.models import ExpressionWrapper, F, QuerySet, TextField, Value

from fastsmtp.crypto import KeyAge
from fastsmtp.orm import EncryptedJSONField, vault

BATCH = 500  # rows that are read, and locked while they are written, at once


@dataclass(frozen=True)
class Stored:
    """A value as the database has it."""

    pk: Any
    token: str


@dataclass(frozen=True)
class EncryptedColumn:
    model: type[models.Model]
    name: str

    def __str__(self) -> str:
        return f"{self.model._meta.db_table}.{self.name}"

    @property
    def _rows(self) -> QuerySet[Any]:
        """With the token beside the field, which would open it."""
        # Not the default manager: the directory's would tell everybody of a change, and what is
        # rewritten means the same as before.
        token = ExpressionWrapper(F(self.name), output_field=TextField())
        return self.model._base_manager.exclude(**{self.name: None}).annotate(token=token)

    def count(self) -> int:
        return self._rows.count()

    def batches(self) -> Iterator[list[Stored]]:
        """By primary key, each batch read when the one before is done with."""
        rows = self._rows.order_by("pk")
        batch = self._read(rows[:BATCH])
        while batch:
            yield batch
            batch = self._read(rows.filter(pk__gt=batch[-1].pk)[:BATCH])

    def sample(self, count: int) -> list[Stored]:
        """As many of the oldest and of the newest rows."""
        return [
            stored
            for order in ("pk", "-pk")
            for stored in self._read(self._rows.order_by(order)[:count])
        ]

    def rewrite(self, batch: Sequence[Stored]) -> int:
        """Puts what an older key opens under the newest; returns how many values that were. What
        somebody else has written since it was read stays."""
        older = [item for item in batch if vault().age_of_key(item.token) is KeyAge.OLDER]
        with transaction.atomic():
            return sum(self._replace(item, vault().rewrite(item.token)) for item in older)

    def _replace(self, item: Stored, token: str) -> int:
        value = Value(token, output_field=TextField())
        return self._rows.filter(pk=item.pk, token=item.token).update(**{self.name: value})

    def _read(self, rows: QuerySet[Any]) -> list[Stored]:
        return [Stored(*row) for row in rows.values_list("pk", "token")]


@dataclass(frozen=True)
class Survey:
    """How many values of a column each key opens, and the rows that none opens."""

    column: EncryptedColumn
    ages: Counter[KeyAge]
    lost: Sequence[Any]


def encrypted_columns() -> list[EncryptedColumn]:
    return [
        EncryptedColumn(model, field.name)
        for model in apps.get_models()
        if not model._meta.proxy and model._meta.managed
        for field in model._meta.local_concrete_fields
        if isinstance(field, EncryptedJSONField)
    ]


def survey(column: EncryptedColumn) -> Survey:
    """Reads the whole column."""
    ages: Counter[KeyAge] = Counter()
    lost = []
    for batch in column.batches():
        for item in batch:
            age = vault().age_of_key(item.token)
            ages[age] += 1
            if age is KeyAge.LOST:
                lost.append(item.pk)
    return Survey(column, ages, lost)
