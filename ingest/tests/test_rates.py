"""How often a client may come, and how much mail it may bring."""

from ipaddress import ip_network
from typing import Any

import pytest

from accounts.models import Domain
from ingest.rates import Rate, Report
from ingest.tests.dialogue import Talk
from ingest.tests.running import ServerInThread
from ingest.tests.stored import contents

LOOPBACK = [ip_network("127.0.0.0/8")]
TOO_OFTEN = "421 4.7.0 Too many connections in a minute, try again later"
TOO_MUCH = "421 4.7.0 Too many mails in a minute, try again later"


class Clock:
    now = 6000.0  # where a window begins

    def __call__(self) -> float:
        return self.now


def admitted(rate: Rate, *addresses: str) -> list[bool]:
    return [rate.admits(address) for address in addresses]


def test_a_client_has_so_many_in_a_minute() -> None:
    clock = Clock()
    rate = Rate(2, clock=clock)
    assert admitted(rate, *["192.0.2.1"] * 3) == [True, True, False]
    clock.now += 120
    assert admitted(rate, *["192.0.2.1"] * 3) == [True, True, False]


def test_a_new_window_does_not_double_them() -> None:
    clock = Clock()
    rate = Rate(10, clock=clock)
    clock.now += 59
    assert sum(admitted(rate, *["192.0.2.1"] * 20)) == 10
    clock.now += 1
    assert sum(admitted(rate, *["192.0.2.1"] * 20)) == 0
    clock.now += 30
    assert sum(admitted(rate, *["192.0.2.1"] * 20)) == 5


def test_clients_are_counted_apart() -> None:
    rate = Rate(1, clock=Clock())
    assert admitted(rate, "192.0.2.1", "192.0.2.2", "192.0.2.1") == [True, True, False]
    assert admitted(rate, "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1") == [True, False, True]


def test_the_oldest_is_forgotten() -> None:
    rate = Rate(2, max_clients=2, clock=Clock())
    assert all(admitted(rate, "192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.3", "192.0.2.3"))
    assert admitted(rate, "192.0.2.1", "192.0.2.3") == [False, False]
    assert admitted(rate, "192.0.2.2", "192.0.2.2") == [True, True]


CLIENT = "192.0.2.1"


def learn(rate: Rate, *, others: int, others_before: int = 0) -> None:
    (report,) = rate.reports(1)
    rate.learn(report, others=others, others_before=others_before)


def test_what_others_have_counted_counts_too() -> None:
    rate = Rate(10, clock=Clock())
    assert admitted(rate, CLIENT) == [True]
    learn(rate, others=7)
    assert admitted(rate, *[CLIENT] * 3) == [True, True, False]


def test_what_others_counted_before_leaves_the_minute_with_time() -> None:
    clock = Clock()
    rate = Rate(10, clock=clock)
    clock.now += 30
    assert admitted(rate, CLIENT) == [True]
    learn(rate, others=0, others_before=16)
    assert admitted(rate, *[CLIENT] * 2) == [True, False]
    clock.now += 15
    assert sum(admitted(rate, *[CLIENT] * 10)) == 4


def test_in_the_next_window_all_that_is_known_is_the_one_before() -> None:
    clock = Clock()
    rate = Rate(10, clock=clock)
    assert admitted(rate, CLIENT) == [True]
    learn(rate, others=9)
    clock.now += 60
    assert admitted(rate, CLIENT) == [False]
    clock.now += 30
    assert sum(admitted(rate, *[CLIENT] * 10)) == 5
    clock.now += 60
    assert sum(admitted(rate, *[CLIENT] * 20)) == 8  # the others' are long ago


def test_an_answer_may_come_in_the_next_window() -> None:
    clock = Clock()
    rate = Rate(10, clock=clock)
    assert admitted(rate, CLIENT) == [True]
    (report,) = rate.reports(1)
    clock.now += 90
    assert admitted(rate, CLIENT) == [True]
    rate.learn(report, others=15, others_before=100)
    assert sum(admitted(rate, *[CLIENT] * 10)) == 1
    assert rate.reports(1) == [Report(CLIENT, 101, 2, 1)]


def test_a_client_is_reported_until_the_others_know_all() -> None:
    rate = Rate(10, clock=Clock())
    assert rate.reports(5) == []
    admitted(rate, CLIENT, CLIENT, "192.0.2.2", "192.0.2.3")
    first, second = rate.reports(2)
    assert (first, second) == (Report(CLIENT, 100, 2, 0), Report("192.0.2.2", 100, 1, 0))
    admitted(rate, CLIENT)
    rate.learn(first, others=0, others_before=0)
    rate.learn(second, others=0, others_before=0)
    assert rate.reports(5) == [Report("192.0.2.3", 100, 1, 0), Report(CLIENT, 100, 3, 0)]


def test_what_was_refused_is_not_reported() -> None:
    rate = Rate(1, clock=Clock())
    admitted(rate, CLIENT)
    learn(rate, others=0)
    assert admitted(rate, CLIENT) == [False]
    assert rate.reports(5) == []


def test_a_forgotten_client_is_not_reported() -> None:
    rate = Rate(1, max_clients=1, clock=Clock())
    admitted(rate, CLIENT)
    (report,) = rate.reports(5)
    admitted(rate, "192.0.2.2")
    rate.learn(report, others=1, others_before=0)
    assert rate.reports(5) == [Report("192.0.2.2", 100, 1, 0)]


def connect(port: int) -> str:
    with Talk(port) as talk:
        reply = talk.reply()[-1]
        if reply.startswith("421"):
            assert talk.is_closed
        return reply


def mails_until_refused(port: int, *, limit: int) -> int:
    with Talk(port) as talk:
        talk.play("""
            S: 220 *
            C: EHLO client.example
            S: 250 HELP
        """)
        for count in range(limit):
            reply = talk.ask("MAIL FROM:<ada@sender.example>")
            if reply == TOO_MUCH:
                assert talk.is_closed
                return count
            talk.play("""
                C: RCPT TO:<info@example.com>
                S: 250 2.1.5 Ok
                C: DATA
                S: 354 *
                C: .
                S: 250 2.0.0 Ok: queued as *
            """)
    return limit


# The estimate lets through what has left the window meanwhile, so these ask for far more.


def test_connections_in_a_minute(domain: Domain) -> None:
    with ServerInThread(smtp_rate_limit_connections_per_minute=5) as server:
        replies = [connect(server.port) for _ in range(20)]
    assert TOO_OFTEN in replies


def test_messages_in_a_minute(domain: Domain) -> None:
    with ServerInThread(smtp_rate_limit_messages_per_minute=3) as server:
        count = mails_until_refused(server.port, limit=20)
    assert 3 <= count < 20
    assert len(contents()) == count


@pytest.mark.parametrize(
    "setting",
    [{"smtp_rate_limit_enabled": False}, {"smtp_trusted_networks": LOOPBACK}],
    ids=["off", "trusted"],
)
def test_some_have_no_limit(domain: Domain, setting: dict[str, Any]) -> None:
    rates: dict[str, Any] = {
        "smtp_rate_limit_connections_per_minute": 1,
        "smtp_rate_limit_messages_per_minute": 1,
    }
    with ServerInThread(**{**rates, **setting}) as server:
        assert TOO_OFTEN not in [connect(server.port) for _ in range(20)]
        assert mails_until_refused(server.port, limit=10) == 10


def test_a_mail_that_is_refused_for_its_form_does_not_count(domain: Domain) -> None:
    with ServerInThread(smtp_rate_limit_messages_per_minute=1) as server, Talk(server.port) as talk:
        talk.play("""
            S: 220 *
            C: EHLO client.example
            S: 250 HELP
            C: MAIL FROM:<ada@sender.example> SIZE=big
            S: 501 *
            C: MAIL FROM:<ada@sender.example>
            S: 250 2.1.0 Ok
        """)
