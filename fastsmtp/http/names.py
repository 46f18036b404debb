"""The addresses of a host name, as programs on this machine would find them, without a thread.

`getaddrinfo` holds a thread until the last name server has been given up, ten seconds and more: a
few tenants with dead names would hold all threads, and everybody else's calls would wait. So this
asks by `fastsmtp.dns`, in the usual order of a container: /etc/hosts, then DNS by resolv.conf with
its search list. Other sources that nsswitch.conf may name (mDNS, LDAP) are not asked.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from fastsmtp.dns import Outcome, Resolver, TemporaryDNSError
from fastsmtp.dns.system_files import (
    HOSTS,
    RESOLV_CONF,
    SearchList,
    SystemFile,
    parse_hosts,
    parse_search,
)
from fastsmtp.dns_server import DNSServer

# Seconds for all questions about one name; within the time that connecting may take.
LOOKUP_TIMEOUT = 4.0
# Some name servers never answer for AAAA: what is known of A is used after so many seconds.
SECOND_ANSWER = 0.25

_LOOPBACK = ["127.0.0.1", "::1"]


class Names:
    """Made and used on one event loop. `servers` instead of those in resolv.conf.

    Nothing is remembered: a container that comes back has another address, and until then its
    name may not exist. The door keeps what it needs for a few seconds.
    """

    def __init__(
        self,
        *,
        servers: Sequence[DNSServer] = (),
        hosts: Path = HOSTS,
        resolv_conf: Path = RESOLV_CONF,
    ) -> None:
        self._servers = servers
        self._hosts = SystemFile(hosts, parse_hosts)
        self._dns = SystemFile(resolv_conf, self._configure)

    def _configure(self, resolv_conf: str) -> tuple[SearchList, Resolver]:
        resolver = Resolver(servers=self._servers, timeout=LOOKUP_TIMEOUT, cache_octets=0)
        return parse_search(resolv_conf), resolver

    async def addresses(self, host: str) -> Sequence[str]:
        """All addresses of `host`, IPv4 first; raises OSError with a reason when there is none."""
        name = host.lower().removesuffix(".")
        if found := self._hosts.read().get(name):
            return found
        if name == "localhost" or name.endswith(".localhost"):  # RFC 6761 §6.3
            return _LOOPBACK
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT):
                return await self._search(host)
        except TimeoutError:
            raise OSError(0, "no name server answered in time") from None

    async def _search(self, host: str) -> Sequence[str]:
        """Like glibc, a domain of the search list that cannot be asked does not end the search."""
        search, resolver = self._dns.read()
        failure = "there is no such name"
        for candidate in search.candidates(host):
            try:
                if found := await _ask_for_both(resolver, candidate):
                    return found
            except TemporaryDNSError as error:
                failure = error.reason
        raise OSError(0, failure)


async def _ask_for_both(resolver: Resolver, name: str) -> list[str]:
    """Empty when the name has no address; raises TemporaryDNSError when that is not known."""
    asked = [asyncio.create_task(resolver.outcome(name, rdtype)) for rdtype in ("A", "AAAA")]
    try:
        done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        has_some = any(_records(task.result()) for task in done)
        await asyncio.wait(asked, timeout=SECOND_ANSWER if has_some else None)
    finally:
        for task in asked:
            task.cancel()
    outcomes = [task.result() for task in asked if task.done() and not task.cancelled()]
    found = [address for outcome in outcomes for address in _records(outcome)]
    for outcome in outcomes:
        if not found and isinstance(outcome, TemporaryDNSError):
            raise outcome.with_traceback(None)
    return found


def _records(outcome: Outcome) -> Sequence[str]:
    return () if isinstance(outcome, TemporaryDNSError) else outcome.records
