"""The door finds a name where programs in a container do, and dead names delay nobody."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from fastsmtp.dns.system_files import SearchList, parse_hosts, parse_search
from fastsmtp.dns_server import DNSServer
from fastsmtp.http import AddressNotAllowed, AddressPolicy, Answer, Unreachable
from fastsmtp.http import door as door_module
from fastsmtp.http import names as names_module
from fastsmtp.http.door import Door
from fastsmtp.http.names import Names
from fastsmtp.tests.dns_server import (
    SERVFAIL,
    Answering,
    NameServer,
    Query,
    Zone,
    serve_zone,
    serving,
)
from fastsmtp.tests.http_receiver import LOOPBACK, NOTHING_INTERNAL, OK, always, receiving

KUBERNETES = "search mail.svc.cluster.local svc.cluster.local\noptions ndots:5\n"


class Machine:
    """Its two files, and the name server that it asks instead of the one in its resolv.conf."""

    def __init__(self, folder: Path) -> None:
        self.hosts = folder / "hosts"
        self.resolv_conf = folder / "resolv.conf"
        self.hosts.write_text("")
        self.resolv_conf.write_text("search .\n")

    def names(self, server: NameServer) -> Names:
        return Names(
            servers=[DNSServer("127.0.0.1", server.port)],
            hosts=self.hosts,
            resolv_conf=self.resolv_conf,
        )

    def find(self, host: str, zone: Zone) -> tuple[Sequence[str], list[str]]:
        """The addresses, and the names that were asked for, each once, in turn."""

        async def scenario() -> tuple[Sequence[str], list[str]]:
            async with serving(serve_zone(zone)) as server:
                found = await self.names(server).addresses(host)
                return found, list(dict.fromkeys(name for name, *_ in server.asked))

        return asyncio.run(scenario())

    def converse[T](
        self, answering: Answering, conversation: Callable[[NameServer, Names], Awaitable[T]]
    ) -> T:
        async def scenario() -> T:
            async with serving(answering) as server:
                return await conversation(server, self.names(server))

        return asyncio.run(scenario())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def _a(*names: str) -> Mapping[str, Sequence[tuple[str, str]]]:
    return {name: [("A", "192.0.2.1")] for name in names}


class TestHosts:
    def test_a_listed_name_is_not_asked_for(self, machine: Machine) -> None:
        """As Docker writes `extra_hosts`."""
        machine.hosts.write_text("192.0.2.7\thost.docker.internal N8N # ours\n2001:db8::7 n8n\n")
        for host in ("n8n", "N8n", "n8n."):
            assert machine.find(host, {}) == (["192.0.2.7", "2001:db8::7"], [])
        assert machine.find("host.docker.internal", {}) == (["192.0.2.7"], [])

    def test_a_change_is_seen(self, machine: Machine) -> None:
        async def conversation(_: NameServer, names: Names) -> list[Sequence[str]]:
            machine.hosts.write_text("192.0.2.7 n8n\n")
            before = await names.addresses("n8n")
            machine.hosts.write_text("192.0.2.70 n8n\n")
            return [before, await names.addresses("n8n")]

        found = machine.converse(serve_zone({}), conversation)
        assert found == [["192.0.2.7"], ["192.0.2.70"]]

    @pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "n8n.localhost"])
    def test_localhost_is_this_machine_without_it(self, machine: Machine, host: str) -> None:
        machine.hosts.unlink()
        assert machine.find(host, _a("localhost")) == (["127.0.0.1", "::1"], [])

    def test_what_is_no_entry_is_passed_over(self) -> None:
        text = "# comment\n\n10.0.0.300 a\n::1\n10.0.0.1 b#c d\n10.0.0.1 b\n\0\xff x\n"
        assert parse_hosts(text) == {"b": ["10.0.0.1"]}


class TestSearching:
    @pytest.mark.parametrize(
        ("host", "asked"),
        [
            ("n8n", ["n8n.mail.svc.cluster.local"]),
            ("n8n.other", ["n8n.other.mail.svc.cluster.local", "n8n.other.svc.cluster.local"]),
            (
                "hook.example.org",
                [
                    "hook.example.org.mail.svc.cluster.local",
                    "hook.example.org.svc.cluster.local",
                    "hook.example.org",
                ],
            ),
            ("hook.example.org.", ["hook.example.org"]),
        ],
    )
    def test_short_names_in_kubernetes(self, machine: Machine, host: str, asked: list[str]) -> None:
        machine.resolv_conf.write_text(KUBERNETES)
        zone = _a("n8n.mail.svc.cluster.local", "n8n.other.svc.cluster.local", "hook.example.org")
        assert machine.find(host, zone) == (["192.0.2.1"], asked)

    def test_container_names_in_docker(self, machine: Machine) -> None:
        machine.resolv_conf.write_text("nameserver 127.0.0.11\noptions ndots:0\n")
        assert machine.find("n8n", _a("n8n")) == (["192.0.2.1"], ["n8n"])

    def test_a_domain_that_cannot_be_asked_does_not_end_the_search(self, machine: Machine) -> None:
        machine.resolv_conf.write_text("search gone.example\noptions ndots:5\n")
        broken = {"hook.example.org.gone.example": [("A", SERVFAIL), ("AAAA", SERVFAIL)]}
        found, asked = machine.find("hook.example.org", {**broken, **_a("hook.example.org")})
        assert found == ["192.0.2.1"]
        assert asked == ["hook.example.org.gone.example", "hook.example.org"]

    def test_a_change_is_seen(self, machine: Machine) -> None:
        async def conversation(_: NameServer, names: Names) -> Sequence[str]:
            with pytest.raises(OSError, match="no such name"):
                await names.addresses("n8n")
            machine.resolv_conf.write_text("search example.org\n")
            return await names.addresses("n8n")

        assert machine.converse(serve_zone(_a("n8n.example.org")), conversation) == ["192.0.2.1"]

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("search a.example B.example.\n", SearchList(("a.example", "b.example"))),
            ("domain a.example\nsearch b.example\n", SearchList(("b.example",))),
            ("search a.example\ndomain b.example c\n", SearchList(("b.example",))),
            ("search .\n", SearchList(())),
            ("search\noptions ndots:0 rotate\n", SearchList((), 0)),
            ("search .\noptions ndots:x edns0 ndots:99\n", SearchList((), 15)),
            ("search .\noptions ndots:2\noptions rotate\n; x\n\0\n", SearchList((), 2)),
        ],
    )
    def test_what_resolv_conf_says(self, text: str, expected: SearchList) -> None:
        assert parse_search(text) == expected


class TestAddresses:
    def test_both_families_ipv4_first(self, machine: Machine) -> None:
        both = [("AAAA", "2001:db8::1"), ("A", "192.0.2.1"), ("A", "192.0.2.2")]
        found, _ = machine.find("hook.example", {"hook.example": both})
        assert (sorted(found[:2]), found[2]) == (["192.0.2.1", "192.0.2.2"], "2001:db8::1")

    def test_only_ipv6(self, machine: Machine) -> None:
        found, _ = machine.find("hook.example", {"hook.example": [("AAAA", "2001:db8::1")]})
        assert found == ["2001:db8::1"]

    @pytest.mark.parametrize("mute", ["A", "AAAA"])
    def test_one_family_that_is_never_answered_does_not_hide_the_other(
        self, machine: Machine, mute: str
    ) -> None:
        zone = serve_zone({"hook.example": [("A", "192.0.2.1"), ("AAAA", "2001:db8::1")]})

        async def answering(query: Query) -> bytes | None:
            return None if query.rdtype == mute else await zone(query)

        async def conversation(_: NameServer, names: Names) -> Sequence[str]:
            return await names.addresses("hook.example")

        found = machine.converse(answering, conversation)
        assert found == ["2001:db8::1" if mute == "A" else "192.0.2.1"]

    @pytest.mark.parametrize(
        ("zone", "reason"),
        [
            ({}, "there is no such name"),
            ({"hook.example": [("MX", (1, "mx"))]}, "there is no such name"),
            ({"hook.example": [("A", SERVFAIL)]}, "no name server gave a usable answer"),
        ],
    )
    def test_none(self, machine: Machine, zone: Zone, reason: str) -> None:
        with pytest.raises(OSError, match=reason):
            machine.find("hook.example", zone)

    def test_nothing_is_remembered(self, machine: Machine) -> None:
        """A container that is made anew has another address."""
        zone: dict[str, list[tuple[str, str]]] = {}

        async def conversation(_: NameServer, names: Names) -> list[Sequence[str]]:
            with pytest.raises(OSError, match="no such name"):
                await names.addresses("n8n")
            found = []
            for address in ("192.0.2.1", "192.0.2.2"):
                zone["n8n"] = [("A", address)]
                found.append(await names.addresses("n8n"))
            return found

        assert machine.converse(serve_zone(zone), conversation) == [["192.0.2.1"], ["192.0.2.2"]]


class Silent:
    """About names that begin with `dead`; `asked` is set when it knows so many of them."""

    def __init__(self, count: int = 1) -> None:
        self._count = count
        self._names: set[str] = set()
        self.asked = asyncio.Event()

    async def __call__(self, query: Query) -> bytes | None:
        if not query.name.startswith("dead"):
            return await serve_zone({"hook.example": [("A", "127.0.0.1")]})(query)
        self._names.add(query.name)
        if len(self._names) == self._count:
            self.asked.set()
        return None


def test_200_dead_names_delay_no_other(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The healthy name is looked up while all the dead ones are waited for."""
    silent = Silent(200)
    monkeypatch.setattr(names_module, "LOOKUP_TIMEOUT", 60.0)
    monkeypatch.setattr(door_module, "CONNECT_TIMEOUT", 60.0)

    async def conversation(_: NameServer, names: Names) -> None:
        async with (
            receiving(always(OK)) as receiver,
            Door(LOOPBACK, resolve=names.addresses) as door,
        ):

            async def call(host: str) -> Answer:
                url = receiver.url(host=host)
                return await door.post(url, body=b"", headers={}, timeout=60)

            dead = [asyncio.create_task(call(f"dead{n}.zone{n}.example")) for n in range(200)]
            await silent.asked.wait()
            assert (await call("hook.example")).status == 200
            assert not any(call.done() for call in dead)
            for task in dead:
                task.cancel()
            await asyncio.gather(*dead, return_exceptions=True)

    machine.converse(silent, conversation)


def test_a_dead_name_is_a_dns_failure_with_its_reason(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names_module, "LOOKUP_TIMEOUT", 0.2)

    async def conversation(_: NameServer, names: Names) -> None:
        async with Door(LOOPBACK, resolve=names.addresses) as door:
            await door.post("http://dead.example/", body=b"", headers={}, timeout=20)

    with pytest.raises(Unreachable) as caught:
        machine.converse(Silent(), conversation)
    assert caught.value.kind == "dns"
    assert caught.value.reason == "dead.example does not resolve: no name server answered in time"


@pytest.mark.parametrize(
    "zone",
    [
        {"hook.example": [("A", "127.0.0.1")]},
        {"hook.example": [("CNAME", "inside.example")], "inside.example": [("A", "127.0.0.1")]},
        {"hook.example": [("A", "1.1.1.1"), ("A", "127.0.0.1")]},
        {"hook.example": [("A", "1.1.1.1"), ("AAAA", "::1")]},
        {"hook.example": [("AAAA", "::ffff:7f00:1")]},
        {"hook.example": [("AAAA", "64:ff9b::7f00:1")]},
    ],
    ids=["a", "cname", "mixed", "families", "mapped", "nat64"],
)
def test_a_name_that_leads_inside_is_refused_without_a_packet(machine: Machine, zone: Zone) -> None:
    async def conversation(_: NameServer, names: Names) -> None:
        async with (
            receiving(always(OK)) as receiver,
            Door(NOTHING_INTERNAL, resolve=names.addresses) as door,
        ):
            url = receiver.url(host="hook.example")
            with pytest.raises(AddressNotAllowed, match="hook.example"):
                await door.post(url, body=b"", headers={}, timeout=20)
            assert await receiver.count_connections() == 0

    machine.converse(serve_zone(zone), conversation)


def test_a_name_in_the_hosts_file_is_checked_too(machine: Machine) -> None:
    machine.hosts.write_text("127.0.0.1 hook.example\n")

    async def conversation(_: NameServer, names: Names) -> None:
        async with Door(NOTHING_INTERNAL, resolve=names.addresses) as door:
            await door.post("http://hook.example/", body=b"", headers={}, timeout=20)

    with pytest.raises(AddressNotAllowed, match="127.0.0.1"):
        machine.converse(serve_zone({}), conversation)


def test_what_was_checked_is_not_asked_for_again(machine: Machine) -> None:
    """DNS rebinding: the second answer, with a TTL of 0, would lead to 127.0.0.1."""
    addresses = iter(["127.0.0.2"])

    async def answering(query: Query) -> bytes | None:
        if query.rdtype == "AAAA":
            return await serve_zone({"hook.example": []})(query)
        address = next(addresses, "127.0.0.1")
        return await serve_zone({"hook.example": [("A", address)]}, ttl=0)(query)

    async def conversation(server: NameServer, names: Names) -> tuple[str | None, list[str]]:
        only_two = AddressPolicy.parse(["127.0.0.2"], [])
        async with (
            receiving(always(OK), host="127.0.0.2") as receiver,
            Door(only_two, resolve=names.addresses) as door,
        ):
            url = receiver.url(host="hook.example")
            answer = await door.post(url, body=b"", headers={}, timeout=20)
            return answer.address, sorted(rdtype for _, rdtype, _ in server.asked)

    assert machine.converse(answering, conversation) == ("127.0.0.2", ["A", "AAAA"])
