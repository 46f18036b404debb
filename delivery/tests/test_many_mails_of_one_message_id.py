"""A device that uses one Message-ID for all its mail slows down nobody."""

import pytest
from django.db import connection

from accounts.models import Domain
from delivery.models import Message
from delivery.tests.many_rows import copy_row, id_of
from delivery.tests.records import create_message

MANY = 40_000


@pytest.mark.skipif(connection.vendor != "postgresql", reason="plans of PostgreSQL")
@pytest.mark.django_db
def test_each_costs_what_any_other_does(domain: Domain) -> None:
    create_message(domain)
    same = "'<same@example.org>'"
    copy_row("messages", MANY, id=id_of("n"), internet_message_id=same)
    others = _blocks_of_inserting("'<' || n || '@example.org>'", first=MANY + 1)
    assert _blocks_of_inserting(same, first=2 * MANY) < 2 * others


def _blocks_of_inserting(internet_message_id: str, *, first: int) -> int:
    """That a hundred messages touch, with those of the indexes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) INSERT INTO messages"
            " SELECT (jsonb_populate_record(one, jsonb_build_object("
            f"'id', {id_of('n')}, 'internet_message_id', {internet_message_id}))).*"
            f" FROM messages AS one, generate_series({first}, {first + 99}) AS n"
            " WHERE one.id = (SELECT id FROM messages LIMIT 1)"
        )
        (plan,) = cursor.fetchone()
    blocks: int = plan[0]["Plan"]["Shared Hit Blocks"]
    return blocks


@pytest.mark.django_db
@pytest.mark.mariadb
def test_a_whole_message_id_is_found_however_long(domain: Domain) -> None:
    for text in ("<1@example.org>", "<ä'%@example.org>", "𝄞" * 998, ""):
        message = create_message(domain, internet_message_id=text)
        assert list(Message.objects.filter(internet_message_id__whole=text)) == [message]
    assert not Message.objects.filter(internet_message_id__whole="𝄞" * 997).exists()
