"""Servers to throw away: they start, fail and come back as the fault tests need it."""

import os
import signal
from collections.abc import Iterator

import psutil
import psycopg
import pytest
import redis

from harness.servers import PostgresCluster, RedisServer, ServerNotFound, find_postgres_programs
from harness.waiting import wait_until


@pytest.fixture
def cluster() -> Iterator[PostgresCluster]:
    try:
        find_postgres_programs()
    except ServerNotFound:
        if os.environ.get("CI"):
            raise
        pytest.skip("PostgreSQL is not installed")
    with PostgresCluster() as running:
        yield running


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


def count_rows(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM mails").fetchone()
    assert row is not None
    count: int = row[0]
    return count


def test_a_cluster_is_durable_and_not_run_by_root(cluster: PostgresCluster) -> None:
    with psycopg.connect(cluster.url("postgres")) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.execute(f"SHOW {setting}").fetchone() == ("on",)
    assert psutil.Process(cluster.process.pid).username() != "root"


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_cluster_comes_back_with_what_was_committed(cluster: PostgresCluster, mode: str) -> None:
    url = cluster.create_database("mails")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE mails AS SELECT generate_series(1, 10) AS id")
        cluster.stop(mode)  # type: ignore[arg-type]
        assert not cluster.answers()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    cluster.start()
    assert count_rows(url) == 10


def test_a_cluster_leaves_nothing_behind() -> None:
    with PostgresCluster() as cluster:
        pid = cluster.process.pid
        children = psutil.Process(pid).children()
    assert children
    wait_until(lambda: not any(psutil.pid_exists(child.pid) for child in children))
    assert not psutil.pid_exists(pid)
    assert not cluster.folder.exists()


def test_a_server_that_comes_back_has_forgotten(server: RedisServer) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.set("task", "1")
        server.stop()
        assert not server.answers()
        server.start()
        assert client.get("task") is None


def test_a_flush_empties_it(server: RedisServer) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.set("task", "1")
        server.flush()
        assert client.get("task") is None


def test_a_paused_server_hangs_until_it_is_resumed(server: RedisServer) -> None:
    server.pause()
    process = psutil.Process(server.process.pid)
    wait_until(lambda: process.status() == psutil.STATUS_STOPPED)
    with (
        redis.Redis.from_url(server.url, socket_timeout=0.2, retry=None) as client,
        pytest.raises(redis.TimeoutError),
    ):
        client.ping()
    server.resume()
    assert server.answers()


def test_a_paused_server_leaves_nothing_behind() -> None:
    with RedisServer() as server:
        server.pause()
        pid = server.process.pid
    assert not psutil.pid_exists(pid)


def test_a_killed_server_can_be_started_again(server: RedisServer) -> None:
    server.process.send_signal(signal.SIGKILL)
    wait_until(lambda: not server.answers())
    server.start()
    assert server.answers()
