"""Statements of the hot path: written once, run with many rows.

Compiling a query costs Django's ORM several times what running it costs the database. Here the
statement is a constant; the model's fields still say how values look in each database.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from django.db import connection, models

type Field = "models.Field[Any, Any]"

# What every driver takes as it is; the others ask the field how their database wants them.
_NATIVE = (models.CharField, models.BooleanField, models.IntegerField)


def placeholders(values: Sequence[object]) -> str:
    """For `IN (…)`. An empty list, which SQL does not know, becomes one that matches nothing."""
    return ", ".join(["%s"] * len(values)) or "NULL"


class Insert:
    """INSERT of rows given as dictionaries by attribute; absent columns get their default."""

    def __init__(self, model: type[models.Model], *names: str) -> None:
        self._model = model
        self._names = names

    def execute(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """All in one round trip. Raises DatabaseError; belongs inside a transaction."""
        if rows:
            with connection.cursor() as cursor:
                cursor.executemany(
                    self._statement,
                    [[convert(row[name]) for name, convert in self._columns] for row in rows],
                )

    @cached_property
    def _statement(self) -> str:
        quote = connection.ops.quote_name
        columns = ", ".join(quote(str(field.column)) for field in self._fields)
        table = quote(self._model._meta.db_table)
        return f"INSERT INTO {table} ({columns}) VALUES ({placeholders(self._fields)})"

    @cached_property
    def _columns(self) -> list[tuple[str, Callable[[Any], Any]]]:
        return [(field.attname, to_database(field)) for field in self._fields]

    @cached_property
    def _fields(self) -> list[Field]:
        by_name = {field.attname: field for field in self._model._meta.concrete_fields}
        return [by_name[name] for name in self._names]


class Select:
    """A SELECT whose columns are fields: `Select("SELECT {} FROM …", (Model, "name"), …)`.

    The columns are written into the braces with their table's name.
    """

    def __init__(self, statement: str, *columns: tuple[type[models.Model], str]) -> None:
        self._template = statement
        self._columns = columns

    def rows(self, parameters: Sequence[Any], **parts: str) -> Iterator[list[Any]]:
        """Rows with values as the model would have them. `parts` fill named braces."""
        with connection.cursor() as cursor:
            cursor.execute(self._template.format(self._names, **parts), parameters)
            fetched = cursor.fetchall()
        for row in fetched:
            values = list(row)
            for position, convert in self._conversions:
                values[position] = convert(values[position])
            yield values

    @cached_property
    def _names(self) -> str:
        quote = connection.ops.quote_name
        columns = [(field.model._meta.db_table, str(field.column)) for field in self._fields]
        return ", ".join(f"{quote(table)}.{quote(column)}" for table, column in columns)

    @cached_property
    def _conversions(self) -> list[tuple[int, Callable[[Any], Any]]]:
        found = [(i, _from_database(field)) for i, field in enumerate(self._fields)]
        return [(position, convert) for position, convert in found if convert is not None]

    @cached_property
    def _fields(self) -> list[Field]:
        return [
            next(field for field in model._meta.concrete_fields if field.attname == name)
            for model, name in self._columns
        ]


def to_database(field: Field) -> Callable[[Any], Any]:
    if isinstance(field, _NATIVE):
        return lambda value: value
    return lambda value: field.get_db_prep_save(value, connection)


def _from_database(field: Field) -> Callable[[Any], Any] | None:
    """What the ORM does with a fetched column, or None where it does nothing."""
    column = field.get_col(field.model._meta.db_table)
    converters = connection.ops.get_db_converters(column) + column.get_db_converters(connection)
    if not converters:
        return None

    def convert(value: Any) -> Any:
        for converter in converters:
            value = converter(value, column, connection)
        return value

    return convert
