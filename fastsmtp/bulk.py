"""Statements of the hot path: written once, run with many rows.

Compiling a query costs Django's ORM several times what running it costs the database. Here the
statement is a constant; the model's fields still say how values look in each database.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from django.db import connection, models

type Field = "models.Field[Any, Any]"

# What a driver takes as it is, on every database and on PostgreSQL. For all others the field is
# asked how its database wants them, which costs more than the rest of an INSERT.
_NATIVE = (models.CharField, models.BooleanField, models.IntegerField)
_NATIVE_ON_POSTGRESQL = (models.UUIDField, models.DateTimeField)


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
        if not rows:
            return
        values = [[convert(row[name]) for name, convert in self._columns] for row in rows]
        with connection.cursor() as cursor, connection.wrap_database_errors:
            if connection.vendor == "postgresql":
                self._copy(cursor, values)
            else:
                cursor.executemany(self._insert, values)

    def _copy(self, cursor: Any, rows: Sequence[Sequence[Any]]) -> None:
        """COPY has one message for all rows, where INSERT has a statement and a reply for each."""
        with cursor.copy(f"COPY {self._target} FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(self._types)
            for row in rows:
                copy.write_row(row)

    @cached_property
    def _insert(self) -> str:
        return f"INSERT INTO {self._target} VALUES ({placeholders(self._fields)})"

    @cached_property
    def _target(self) -> str:
        quote = connection.ops.quote_name
        columns = ", ".join(quote(str(field.column)) for field in self._fields)
        return f"{quote(self._model._meta.db_table)} ({columns})"

    @cached_property
    def _types(self) -> list[str]:
        """Without their length: `varchar(320)` is sent as `varchar`."""
        return [(field.db_type(connection) or "").partition("(")[0] for field in self._fields]

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
    """The conversion of a value for this field; datetimes must be aware, ids must be UUIDs."""
    column = field.target_field if isinstance(field, models.ForeignKey) else field
    is_postgresql = connection.vendor == "postgresql"
    if isinstance(column, _NATIVE) or (is_postgresql and isinstance(column, _NATIVE_ON_POSTGRESQL)):
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
