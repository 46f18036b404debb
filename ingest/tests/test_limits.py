"""What one client may do, how long and how often."""

import asyncio
from ipaddress import ip_network
from typing import Any

import pytest

from accounts.models import Domain
from harness.waiting import wait_until
from ingest.limits import ConnectionCount, Limits, network_of
from ingest.session import peer_address
from ingest.tests.dialogue import Talk, begin, begin_data
from ingest.tests.running import ServerInThread
from ingest.tests.stored import contents

TOO_MANY = "421 4.7.0 Too many connections, try again later"
TOO_MANY_REFUSED = "421 4.7.0 Too many refused recipients"
TOO_SLOW = "421 4.4.2 The mail took too long, closing the connection"


def greeting(port: int) -> str:
    with Talk(port) as talk:
        return talk.reply()[-1][:4]


@pytest.mark.parametrize(
    "setting", ["smtp_max_connections", "smtp_max_connections_per_address"], ids=["all", "address"]
)
def test_connections_are_counted(domain: Domain, setting: str) -> None:
    settings: dict[str, Any] = {setting: 2}
    with ServerInThread(**settings) as server:
        first, second = begin(server.port), begin(server.port)
        with Talk(server.port) as third:
            third.expect(TOO_MANY)
            assert third.is_closed
        first.hang_up()
        wait_until(lambda: greeting(server.port) == "220 ")
        assert second.ask("NOOP") == "250 2.0.0 Ok"
        second.hang_up()


def test_a_trusted_network_has_no_cap_of_its_own(domain: Domain) -> None:
    with (
        ServerInThread(
            smtp_max_connections_per_address=1, smtp_trusted_networks=[ip_network("127.0.0.0/8")]
        ) as server,
        begin(server.port),
        begin(server.port) as talk,
    ):
        assert talk.ask("NOOP") == "250 2.0.0 Ok"


def test_addresses_are_counted_apart() -> None:
    count = ConnectionCount(most=3, most_per_address=1)
    assert count.enter("192.0.2.1", is_trusted=False)
    assert not count.enter("192.0.2.1", is_trusted=False)
    assert count.enter("192.0.2.2", is_trusted=False)
    count.leave("192.0.2.1")
    assert count.enter("192.0.2.1", is_trusted=False)
    assert count.enter("192.0.2.1", is_trusted=True)
    assert not count.enter("192.0.2.3", is_trusted=True)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_what_counts_as_one_client(address: str, network: str) -> None:
    assert network_of(address) == network


def test_a_mail_has_to_come_to_its_end(domain: Domain) -> None:
    """However busy its sender keeps the line."""
    with (
        ServerInThread(limits=Limits(transaction=1.0)) as server,
        begin_data(server.port) as data,
        begin(server.port) as commands,
    ):
        data.send_until_blocked(b"x" * 62 + b"\r\n", pause=0.05)
        data.expect(TOO_SLOW)
        assert data.is_closed
        commands.expect(TOO_SLOW)
        assert commands.is_closed
    assert contents() == []


def test_the_next_mail_has_its_own_time(domain: Domain) -> None:
    limits = Limits(transaction=1.0, idle=3.0)
    with ServerInThread(limits=limits) as server, begin(server.port) as talk:
        assert talk.ask("RSET") == "250 2.0.0 Ok"
        talk.expect("421 4.4.2 Idle for too long, closing the connection")


def test_commands_without_a_mail_come_to_an_end(domain: Domain) -> None:
    with ServerInThread(limits=Limits(commands=10)) as server, Talk(server.port) as talk:
        talk.expect("220 *")
        for _ in range(10):
            assert talk.ask("NOOP") == "250 2.0.0 Ok"
        assert talk.ask("NOOP") == "421 4.7.0 Too many commands without a mail"
        assert talk.is_closed


def test_who_brings_mail_may_stay(domain: Domain) -> None:
    with ServerInThread(limits=Limits(commands=6)) as server, begin_data(server.port) as talk:
        for _ in range(5):
            talk.play("""
                C: .
                S: 250 2.0.0 Ok: queued as *
                C: MAIL FROM:<ada@sender.example>
                S: 250 2.1.0 Ok
                C: RCPT TO:<info@example.com>
                S: 250 2.1.5 Ok
                C: DATA
                S: 354 *
            """)
    assert len(contents()) == 5


HARVEST = [
    ("nobody@example.com", "550 5.1.1 No such recipient here"),
    ("info@elsewhere.example", "550 5.1.2 This domain is not served here"),
    ("info", "553 5.1.3 Malformed recipient address"),
]


def test_recipients_cannot_be_tried_out_for_ever(domain: Domain) -> None:
    """Nor is a new transaction a new beginning."""
    with ServerInThread(limits=Limits(refused_recipients=3)) as server, begin(server.port) as talk:
        for address, reply in HARVEST:
            assert talk.ask(f"RCPT TO:<{address}>") == reply
        assert talk.ask("RCPT TO:<info@example.com>") == "250 2.1.5 Ok"
        assert talk.ask("RSET") == "250 2.0.0 Ok"
        assert talk.ask("MAIL FROM:<ada@sender.example>") == "250 2.1.0 Ok"
        assert talk.ask("RCPT TO:<root@example.com>") == TOO_MANY_REFUSED
        assert talk.is_closed


def test_who_brings_mail_may_be_wrong_about_others(domain: Domain) -> None:
    with ServerInThread(limits=Limits(refused_recipients=1)) as server, begin(server.port) as talk:
        for _ in range(3):
            talk.play("""
                C: RCPT TO:<nobody@example.com>
                S: 550 5.1.1 *
                C: DATA
                S: 354 *
                C: .
                S: 250 2.0.0 Ok: queued as *
                C: MAIL FROM:<ada@sender.example>
                S: 250 2.1.0 Ok
                C: RCPT TO:<info@example.com>
                S: 250 2.1.5 Ok
            """)


def test_a_trusted_network_may_be_refused_any_number(domain: Domain) -> None:
    with (
        ServerInThread(
            limits=Limits(refused_recipients=1), smtp_trusted_networks=[ip_network("127.0.0.0/8")]
        ) as server,
        begin(server.port) as talk,
    ):
        for address, reply in HARVEST:
            assert talk.ask(f"RCPT TO:<{address}>") == reply


def test_a_flood_of_commands_is_cut_off(domain: Domain) -> None:
    with ServerInThread() as server, Talk(server.port) as talk:
        talk.expect("220 *")
        talk.send_until_blocked(b"NOOP\r\n" * 1000, limit=100_000 * 6)
        talk.wait_for_end()
        wait_until(lambda: server.session_count == 0)


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_the_address_of_a_client(peer: str, address: str) -> None:
    """As it is counted, stored and compared with networks."""

    class Accepted(asyncio.Transport):
        def get_extra_info(self, name: str, default: Any = None) -> Any:
            return (peer, 25, 0, 0) if name == "peername" else None

    assert peer_address(Accepted()) == address
