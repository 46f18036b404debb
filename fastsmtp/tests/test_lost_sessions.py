"""A session that the server ended is a connection that was lost, not an error of ours."""

import pytest
from django.db import OperationalError, connection, transaction

from fastsmtp.db import unit_of_work
from fastsmtp.tests.sessions import freeze, needs_sessions

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb, needs_sessions]

SHORT_WAIT = {
    "postgresql": "SET lock_timeout = '20ms'",
    "mysql": "SET innodb_lock_wait_timeout = 1",  # seconds
}
LOCK = "SELECT id FROM django_migrations WHERE id = 1 FOR UPDATE"


def _run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _freeze_and_go_on() -> None:
    with unit_of_work(), transaction.atomic():
        freeze()
        _run("SELECT 1")


def _lock_in_short_time() -> None:
    with unit_of_work(), transaction.atomic():
        _run(SHORT_WAIT[connection.vendor], LOCK)


def test_it_is_an_outage_and_the_next_unit_works() -> None:
    with pytest.raises(OperationalError):
        _freeze_and_go_on()
    with unit_of_work(), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_the_server_ends_a_transaction_that_nobody_goes_on_with() -> None:
    connection.close()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SHOW idle_in_transaction_session_timeout")
            assert cursor.fetchone() == ("30s",)
        else:
            cursor.execute("SELECT @@idle_transaction_timeout")
            assert cursor.fetchone() == (30,)


def test_so_is_a_lock_that_was_not_given() -> None:
    """By a process that froze without its server's noticing it."""
    theirs = connection.copy()
    try:
        theirs.set_autocommit(False)
        with theirs.cursor() as cursor:
            cursor.execute(LOCK)
        with pytest.raises(OperationalError):
            _lock_in_short_time()
    finally:
        theirs.close()
