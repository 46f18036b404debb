"""What one process has counted of a client, the others know soon; none ever waits for that."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from pydantic import SecretStr

from accounts.models import Domain
from fastsmtp.config import config
from harness.servers import RedisServer
from harness.waiting import wait_until
from ingest.rates import Rate
from ingest.server import Server
from ingest.shared_rates import LIFETIME, MAX_REPORTS, SharedRates
from ingest.tests.dialogue import Talk
from ingest.tests.running import ServerInThread

CLIENT = "192.0.2.1"
NOON = 6000.0  # seconds since the epoch, where a window begins
MOST = 10
CONNECTIONS = 50  # in a minute, of a client of the servers
TOO_OFTEN = "421 4.7.0 Too many connections in a minute, try again later"
AWAY = "Redis is away, rates are those of each process alone"
BACK = "Redis is back, rates are those of all processes"


class Process:
    """What an ingest process has of rates; its clock is set by hand."""

    def __init__(self, url: str) -> None:
        self.now = NOON
        self.rate = Rate(MOST, clock=lambda: self.now)
        self._shared = SharedRates(url, {"mails": self.rate})

    def admit(self, count: int, client: str = CLIENT) -> int:
        """How many of so many it admits."""
        return sum(self.rate.admits(client) for _ in range(count))

    def exchange(self) -> None:
        asyncio.run(self._shared.exchange())


def test_each_learns_what_the_others_count(broker: str) -> None:
    first, second, third = processes = [Process(broker) for _ in range(3)]
    for process in processes:
        assert process.admit(2) == 2
        process.exchange()
    assert first.admit(1) == 1  # it does not know of the others yet
    first.exchange()
    assert [process.admit(MOST) for process in (third, second, first)] == [4, 6, 3]


def test_clients_and_rates_are_told_apart(broker: str) -> None:
    first, second = Process(broker), Process(broker)
    other = Rate(MOST, clock=lambda: NOON)
    first.admit(MOST)
    first.exchange()
    second.admit(1, "2001:db8::1")
    second.exchange()
    other.admits(CLIENT)
    asyncio.run(SharedRates(broker, {"connections": other}).exchange())
    assert second.admit(MOST, "2001:db8::2") == MOST - 1
    assert sum(other.admits(CLIENT) for _ in range(MOST)) == MOST - 1


def test_the_window_before_is_shared_to_its_last_mail(broker: str) -> None:
    first, second = Process(broker), Process(broker)
    first.admit(4)
    first.exchange()
    first.admit(4)
    first.now = second.now = NOON + 60 + 30
    first.admit(1)
    first.exchange()
    second.admit(1)
    second.exchange()
    assert second.admit(MOST) == MOST - 1 - 1 - 4


def test_counts_outlive_their_process_and_a_lost_answer(
    broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Process(broker), Process(broker)
    first.admit(4)
    with monkeypatch.context() as patch:
        patch.setattr(first.rate, "learn", lambda *_, **__: None)
        first.exchange()
    first.exchange()
    del first
    second.admit(1)
    second.exchange()
    assert second.admit(MOST) == MOST - 4 - 1


def test_redis_forgets_by_itself(broker: str) -> None:
    process = Process(broker)
    process.admit(1)
    process.exchange()
    with redis.Redis.from_url(broker) as client:
        (key,) = client.keys("fastsmtp:rate:*")
        assert key == b"fastsmtp:rate:mails:100:192.0.2.1"
        assert 0 < int(client.ttl(key)) <= LIFETIME


def test_many_clients_take_turns(broker: str) -> None:
    process = Process(broker)
    for number in range(MAX_REPORTS + 1):
        process.admit(1, f"10.0.{number // 256}.{number % 256}")
    process.exchange()
    (left,) = process.rate.reports(MAX_REPORTS)
    assert left.client == "10.0.1.244"
    process.exchange()
    assert process.rate.reports(MAX_REPORTS) == []


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def servers(domain: Domain, redis_server: RedisServer) -> Iterator[list[ServerInThread]]:
    """Two, as if in two pods."""
    settings: dict[str, Any] = {
        "redis_url": SecretStr(redis_server.url),
        "smtp_rate_limit_connections_per_minute": CONNECTIONS,
    }
    with ServerInThread(**settings) as first, ServerInThread(**settings) as second:
        yield [first, second]


def is_admitted(server: ServerInThread) -> bool:
    with Talk(server.port) as talk:
        reply = talk.reply()[-1]
    assert reply == TOO_OFTEN or reply.startswith("220 ")
    return reply != TOO_OFTEN


def use_up(server: ServerInThread) -> int:
    """How often it was admitted until it was refused."""
    count = 0
    while is_admitted(server):
        count += 1
    return count


def has_told(server: ServerInThread) -> bool:
    """All that it admitted is in Redis, and it knows what else is there."""
    return server.server._rates["connections"].reports(1) == []


def test_what_one_server_admits_counts_for_the_other(
    servers: list[ServerInThread],
) -> None:
    first, second = servers
    use_up(first)
    wait_until(lambda: has_told(first))
    is_admitted(second)  # with what it tells of this one it learns
    wait_until(lambda: has_told(second))
    assert use_up(second) < CONNECTIONS // 2


@pytest.mark.parametrize(
    ("fault", "repair"),
    [
        pytest.param(RedisServer.stop, RedisServer.start, id="stopped"),
        pytest.param(RedisServer.pause, RedisServer.resume, id="hung"),
    ],
)
def test_without_redis_each_counts_for_itself(
    servers: list[ServerInThread],
    redis_server: RedisServer,
    caplog: pytest.LogCaptureFixture,
    fault: Callable[[RedisServer], None],
    repair: Callable[[RedisServer], None],
) -> None:
    def lines(text: str) -> int:
        return sum(record.getMessage().startswith(text) for record in caplog.records)

    first, second = servers
    fault(redis_server)
    assert 0 < use_up(first) <= CONNECTIONS
    assert is_admitted(second)
    wait_until(lambda: lines(AWAY) == 2)
    assert is_admitted(second)
    repair(redis_server)
    wait_until(lambda: lines(BACK) == 2)
    is_admitted(second)
    wait_until(lambda: has_told(second))
    assert use_up(second) < CONNECTIONS // 2
    assert (lines(AWAY), lines(BACK)) == (2, 2)


def test_an_error_of_ours_is_told_at_once_and_harms_no_client(
    servers: list[ServerInThread], redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Such as a count in Redis that is no number."""
    server, _ = servers
    is_admitted(server)
    wait_until(lambda: has_told(server))
    with redis.Redis.from_url(redis_server.url) as client:
        keys = client.keys("fastsmtp:rate:*")
        for key in keys:
            client.hset(key, "another process", "many")
        assert is_admitted(server)
        wait_until(lambda: "unexpected error, sharing rates goes on" in caplog.messages)
        assert is_admitted(server)
        for key in keys:
            client.hdel(key, "another process")
    wait_until(lambda: has_told(server))


@pytest.mark.parametrize(
    ("url", "has_siblings", "is_shared"),
    [(None, False, False), (None, True, True), ("redis://127.0.0.1:9", False, True)],
    ids=["alone", "several processes", "with a Redis of its own"],
)
def test_who_has_somebody_to_share_with(
    url: str | None, has_siblings: bool, is_shared: bool
) -> None:
    current = config().model_copy(update={"redis_url": SecretStr(url) if url else None})
    assert (Server(current, has_siblings=has_siblings)._shared_rates is not None) == is_shared
