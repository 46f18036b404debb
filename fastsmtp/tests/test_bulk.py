"""Statements that are written once: the rows are those that the ORM would write and read."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from django.db import DatabaseError, connection, models, transaction
from django.test.utils import isolate_apps

from fastsmtp.bulk import Insert, Select, placeholders, to_database
from fastsmtp.ids import uuid7
from fastsmtp.orm import EncryptedJSONField

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb]

type CountQueries = Callable[[int], AbstractContextManager[object]]


# Apart from the installed models: others look at all of those.
with isolate_apps("fastsmtp"):

    class Specimen(models.Model):
        """One of each kind of column that the hot path has."""

        id = models.UUIDField(primary_key=True)
        name = models.CharField(max_length=20, unique=True)
        text = models.TextField(default="")
        number = models.PositiveSmallIntegerField(default=0)
        is_odd = models.BooleanField(default=False)
        at = models.DateTimeField(null=True)
        data = models.JSONField(null=True)
        content = models.BinaryField(default=b"")
        secret = EncryptedJSONField(null=True)
        parent = models.ForeignKey("self", on_delete=models.DO_NOTHING, null=True)
        kind = models.CharField(max_length=5, db_default="plain")

        objects: ClassVar[models.Manager["Specimen"]] = models.Manager()

        class Meta:
            app_label = "fastsmtp"
            db_table = "specimens"


NAMES = [field.attname for field in Specimen._meta.concrete_fields]
WRITTEN = [name for name in NAMES if name != "kind"]

insert = Insert(Specimen, *WRITTEN)
select = Select(
    "SELECT {} FROM specimens WHERE id IN ({ids}) ORDER BY name",
    *((Specimen, name) for name in NAMES),
)
_key = to_database(Specimen._meta.pk)


@pytest.fixture(autouse=True)
def _table(transactional_db: None) -> Iterator[None]:
    with connection.schema_editor() as editor:
        editor.create_model(Specimen)
    yield
    with connection.schema_editor() as editor:
        editor.delete_model(Specimen)


def _row(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "name": name,
        "text": "Grüße 🌎 '%s' \\",
        "number": 32767,
        "is_odd": True,
        "at": datetime(2026, 1, 6, 10, 0, 0, 123456, tzinfo=UTC),
        "data": {"a": [1, None, "ü"], "b": {"c": 1.5}},
        "content": bytes(range(256)),
        "secret": {"key": "s3cret"},
        "parent_id": None,
        **changes,
    }


def _empty_row(name: str) -> dict[str, Any]:
    nothing = dict.fromkeys(("at", "data", "secret", "parent_id"))
    return _row(name, text="", number=0, is_odd=False, content=b"", **nothing)


def _read(*ids: uuid.UUID) -> list[dict[str, Any]]:
    keys = [_key(id) for id in ids]
    rows = select.rows(keys, ids=placeholders(keys))
    return [dict(zip(NAMES, row, strict=True)) for row in rows]


def _as_python(row: dict[str, Any]) -> dict[str, Any]:
    """Drivers return binary values as bytes or as a view of them."""
    return {**row, "content": bytes(row["content"])}


def test_what_was_inserted_is_what_the_orm_reads() -> None:
    rows = [_row("full"), _empty_row("empty")]
    rows.append(_row("child", parent_id=rows[0]["id"]))
    insert.execute(rows)
    for row in rows:
        stored = Specimen.objects.values(*WRITTEN).get(id=row["id"])
        assert _as_python(stored) == row


def test_an_absent_column_gets_its_default() -> None:
    insert.execute([_row("a")])
    assert Specimen.objects.get().kind == "plain"


def test_what_is_selected_is_what_the_orm_reads() -> None:
    rows = [_row("a"), _empty_row("b")]
    insert.execute(rows)
    expected = [_as_python(row) for row in Specimen.objects.order_by("name").values(*NAMES)]
    selected = [_as_python(row) for row in _read(*(row["id"] for row in rows))]
    assert selected == expected
    for name in NAMES:
        assert [type(row[name]) for row in selected] == [type(row[name]) for row in expected], name


def test_many_rows_are_one_statement(django_assert_num_queries: CountQueries) -> None:
    rows = [_row(f"r{number:03}") for number in range(100)]
    with django_assert_num_queries(1):
        insert.execute(rows)
    with django_assert_num_queries(1):
        assert [row["name"] for row in _read(*(row["id"] for row in rows))] == [
            row["name"] for row in rows
        ]


def test_no_rows_are_no_statement(django_assert_num_queries: CountQueries) -> None:
    with django_assert_num_queries(0):
        insert.execute([])


def test_no_ids_match_nothing() -> None:
    insert.execute([_row("a")])
    assert _read() == []


def test_one_bad_row_and_none_is_stored() -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        insert.execute([_row("a"), _row("b"), _row("a")])
    assert not Specimen.objects.exists()


def test_columns_of_two_tables() -> None:
    parent = _row("parent")
    insert.execute([parent, _row("child", parent_id=parent["id"])])
    joined = Select(
        """SELECT {} FROM specimens JOIN specimens AS parents ON parents.id = specimens.parent_id
        WHERE specimens.is_odd = %s""",
        (Specimen, "name"),
        (Specimen, "parent_id"),
    )
    assert list(joined.rows([True])) == [["child", parent["id"]]]


@pytest.mark.parametrize(("count", "text"), [(0, "NULL"), (1, "%s"), (3, "%s, %s, %s")])
def test_placeholders(count: int, text: str) -> None:
    assert placeholders(range(count)) == text
