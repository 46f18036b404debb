"""The caching stub resolver (RFC 1034 §5.3.1); the name servers it asks do the recursion."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import dns.asyncbackend
import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.resolver
from dns.nameserver import Do53Nameserver

from fastsmtp.dns.answers import (
    NO_SUCH_NAME,
    Answer,
    Outcome,
    Question,
    TemporaryDNSError,
    split_name,
    unwrap,
)
from fastsmtp.dns.cache import Cache
from fastsmtp.dns.places import Places
from fastsmtp.dns_server import DNSServer

# Seconds. Changing a record shall take effect within the hour, and a TTL of 0 must not turn each
# mail of a burst into queries.
MIN_TTL, MAX_TTL = 5, 3600
MAX_NEGATIVE_TTL = 900
# A dead name server costs one timeout per name and this time.
FAILURE_TTL = 5
# A lost packet is sent again after this time.
_ATTEMPT_TIMEOUT = 2.0
_MAX_CNAMES = 8
_THIS_MACHINE = (DNSServer("127.0.0.1"), DNSServer("::1"))
# Nobody has more; it bounds what evaluating one answer costs.
_MAX_RECORDS = 256

_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "A": lambda record: record.address,
    "AAAA": lambda record: record.address,
    "MX": lambda record: (record.preference, _to_text(record.exchange)),
    "PTR": lambda record: _to_text(record.target),
    "TXT": lambda record: b"".join(record.strings),
}


class Resolver:
    """All questions of the process go through one of these, on one event loop.

    Without `servers` the system's resolv.conf says whom to ask (and as in resolv.conf(5) this
    machine itself, if it names nobody). `timeout` is in seconds, for the answer, and before that
    for a place among the questions that are on their way: `max_in_flight`, `max_per_zone` of them
    below one name (see `Places`). Each of them is an open file.
    """

    def __init__(
        self,
        *,
        servers: Sequence[DNSServer] = (),
        timeout: float = 5,
        max_in_flight: int = 1024,
        max_per_zone: int = 16,
        cache_octets: int = 16 * 1024 * 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stub = _make_stub(servers, timeout)
        self._backend = dns.asyncbackend.get_backend("asyncio")
        self._timeout = timeout
        self._places = Places(most=max_in_flight, most_per_zone=max_per_zone)
        self._cache = Cache(max_octets=cache_octets, clock=clock)
        self._in_flight: dict[Question, asyncio.Task[Outcome]] = {}

    async def resolve(self, name: str, rdtype: str) -> Answer:
        """The records of `name`; `rdtype` is TXT, A, AAAA, MX or PTR.

        Raises TemporaryDNSError if no name server gave a usable answer in time. A name that
        cannot exist does not exist. Askers of one question share a query, and none of them
        cancels it for the others.
        """
        question = _make_question(name, rdtype)
        if question is None:
            return NO_SUCH_NAME
        outcome = self._cache.get(question)
        if outcome is None:
            task = self._in_flight.get(question)
            if task is None:
                task = asyncio.create_task(self._settle(question))
                self._in_flight[question] = task
                task.add_done_callback(lambda _: self._in_flight.pop(question))
            outcome = await asyncio.shield(task)
        return unwrap(outcome)

    async def outcome(self, name: str, rdtype: str) -> Outcome:
        """What `resolve` comes to, the error as a value."""
        try:
            return await self.resolve(name, rdtype)
        except TemporaryDNSError as error:
            return error

    def peek(self, name: str, rdtype: str) -> Outcome | None:
        """What `resolve` knows without asking anybody, None if nothing."""
        question = _make_question(name, rdtype)
        return NO_SUCH_NAME if question is None else self._cache.get(question)

    async def _settle(self, question: Question) -> Outcome:
        try:
            async with self._places.take(question[0], timeout=self._timeout):
                outcome, ttl = await self._try_to_ask(question)
        except TimeoutError:
            # Nobody was asked: that says nothing of the name, and is not kept.
            return TemporaryDNSError(*question, "too many questions at once")
        self._cache.put(question, outcome, ttl=ttl)
        return outcome

    async def _try_to_ask(self, question: Question) -> tuple[Outcome, float]:
        name = dns.name.Name([*question[0].encode().split(b"."), b""])
        try:
            async with asyncio.timeout(self._timeout):
                return await self._ask(name, question[1])
        except Exception as error:
            # Whatever comes from out there, broken packets included, says as much as silence.
            return TemporaryDNSError(*question, _reason(error)), FAILURE_TTL

    async def _ask(self, name: dns.name.Name, rdtype: str) -> tuple[Answer, float]:
        """The answer and for how many seconds it holds. Raises whatever dnspython raises."""
        ttl: float = MAX_TTL
        for _ in range(_MAX_CNAMES):
            try:
                found = await self._stub.resolve(
                    name, rdtype, raise_on_no_answer=False, search=False, backend=self._backend
                )
            except dns.resolver.NXDOMAIN as error:
                return NO_SUCH_NAME, min(ttl, _negative_ttl(error.response(name)))
            response = found.response
            ttl = min(ttl, max(MIN_TTL, found.chaining_result.minimum_ttl))
            if found.rrset is not None:
                convert = _CONVERSIONS[rdtype]
                records = tuple(convert(record) for record in found.rrset[:_MAX_RECORDS])
                return Answer(records, is_existing=True), ttl
            if _is_referral(response):
                raise dns.exception.DNSException("a referral instead of an answer")
            if found.canonical_name == name or _has_authority(response, dns.rdatatype.SOA):
                return Answer((), is_existing=True), min(ttl, _negative_ttl(response))
            # A server that left the end of the chain to us.
            name = found.canonical_name
        raise dns.exception.DNSException("too many CNAMEs")


def _make_question(name: str, rdtype: str) -> Question | None:
    """None for a name that cannot exist."""
    labels = split_name(name)
    return None if labels is None else (b".".join(labels).decode(), rdtype)


def _make_stub(servers: Sequence[DNSServer], timeout: float) -> dns.asyncresolver.Resolver:
    stub = dns.asyncresolver.Resolver(configure=False)
    if not servers:
        try:
            stub.read_resolv_conf("/etc/resolv.conf")
        except dns.resolver.NoResolverConfiguration:
            servers = _THIS_MACHINE
    if servers:
        stub.nameservers = [Do53Nameserver(*server) for server in servers]
    stub.timeout = min(_ATTEMPT_TIMEOUT, timeout)
    stub.lifetime = timeout
    # Larger packets get fragmented, and fragments get lost (DNS flag day 2020).
    stub.use_edns(0, payload=1232)
    return stub


def _negative_ttl(response: dns.message.QueryMessage) -> float:
    """RFC 2308 §5: the SOA's TTL or its minimum; without an SOA it should not be kept at all."""
    if not _has_authority(response, dns.rdatatype.SOA):
        return MIN_TTL
    return max(MIN_TTL, min(MAX_NEGATIVE_TTL, response.resolve_chaining().minimum_ttl))


def _is_referral(response: dns.message.QueryMessage) -> bool:
    """RFC 2308 §2.2: a server that does not know the zone and names others that might."""
    return (
        not response.flags & dns.flags.AA
        and _has_authority(response, dns.rdatatype.NS)
        and not _has_authority(response, dns.rdatatype.SOA)
    )


def _has_authority(response: dns.message.QueryMessage, rdtype: dns.rdatatype.RdataType) -> bool:
    return any(rrset.rdtype == rdtype for rrset in response.authority)


def _to_text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError | dns.exception.Timeout):
        return "no answer in time"
    if isinstance(error, dns.resolver.NoNameservers):
        return "no name server gave a usable answer"
    return str(error) or type(error).__name__
