"""How many connections of the database a worker may need."""

from delivery.courier.courier import DATABASE_THREADS
from fastsmtp.config.checks import MIN_CONNECTIONS
from fastsmtp.roles import WORKER_THREADS


def test_there_is_one_for_each_thread() -> None:
    assert len(DATABASE_THREADS) + WORKER_THREADS == MIN_CONNECTIONS
