"""POST to a URL that somebody typed, on the asyncio loop of the caller."""

import asyncio
import functools
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Self, cast

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from fastsmtp.http.addresses import AddressNotAllowed, AddressPolicy
from fastsmtp.http.answers import Answer, Unreachable
from fastsmtp.http.connections import Connector, Response, WentStale
from fastsmtp.http.failures import explain
from fastsmtp.http.names import Names
from fastsmtp.http.targets import Target, parse_target

CONNECT_TIMEOUT = 5.0
READ_LIMIT = 64 * 1024
KEPT_LIMIT = 16 * 1024
# Node closes idle connections after 5 s. A POST that crosses with the closing is lost, and cannot
# be told from one that was handled; so we let go first, which makes `WentStale` rare.
KEEPALIVE = 4.0
DNS_TTL = 10

# Headers that aiohttp would add by itself. Without Accept-Encoding nobody compresses.
_AUTO_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")

type Resolve = Callable[[str], Awaitable[Sequence[str]]]


class Door:
    """Made inside a running loop, for as many calls at once as the caller wants.

    `limit` bounds the open connections, 0 does not; it should not be below the number of calls in
    flight, because waiting for a connection counts as connecting. `resolve` gives all addresses
    of a name or raises OSError; it is this machine's way (`Names`) unless given. `tls` replaces the
    system's trust.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        limit: int = 0,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._policy = policy
        self._session = aiohttp.ClientSession(
            connector=Connector(
                resolver=_CheckedResolver(policy, resolve or Names().addresses),
                ttl_dns_cache=DNS_TTL,
                limit=limit,
                limit_per_host=0,
                keepalive_timeout=KEEPALIVE,
                ssl=tls or True,
            ),
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT),
            response_class=Response,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_AUTO_HEADERS,
            auto_decompress=False,
            trust_env=False,
            # aiohttp reads ahead up to twice this.
            read_bufsize=READ_LIMIT // 2,
        )
        # A lane sends to one URL again and again.
        self._admit = functools.lru_cache(maxsize=4096)(self._parse_and_check)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Breaks off what is in flight."""
        await self._session.close()

    async def post(
        self,
        url: str,
        *,
        body: bytes,
        headers: Mapping[str, str],
        timeout: float,  # noqa: ASYNC109 - the deadline of the whole attempt, in seconds
    ) -> Answer:
        """Sends one request. `headers` go out as given, with Host and Content-Length added.

        `timeout` is seconds by the wall clock from the call to the end of the answer's body.
        Raises AddressNotAllowed, before any packet, also for what is no usable URL; and
        Unreachable for everything that can go wrong from then on.
        """
        target = self._admit(url)
        started = time.perf_counter()
        try:
            async with asyncio.timeout(timeout):
                response = await self._send(target, body=body, headers=headers)
                excerpt = await _read_excerpt(response)
        except aiohttp.ClientError as error:
            raise explain(error, host=target.host) from error
        except TimeoutError:
            raise Unreachable(f"no complete answer within {timeout:g} s", "timeout") from None
        return Answer(
            status=response.status,
            headers=response.headers,
            excerpt=excerpt,
            address=response.peer,
            duration=time.perf_counter() - started,
        )

    async def _send(self, target: Target, *, body: bytes, headers: Mapping[str, str]) -> Response:
        try:
            return await self._send_once(target, body=body, headers=headers)
        except WentStale:
            # Delivery is at least once anyway, and this is no failure of the receiver: one more
            # try, which does not count.
            return await self._send_once(target, body=body, headers=headers)

    async def _send_once(
        self, target: Target, *, body: bytes, headers: Mapping[str, str]
    ) -> Response:
        response = await self._session.post(
            target.url, data=body, headers=headers, allow_redirects=False
        )
        return cast(Response, response)

    def _parse_and_check(self, url: str) -> Target:
        try:
            target = parse_target(url)
        except ValueError as error:
            raise AddressNotAllowed(str(error)) from None
        # aiohttp connects to a literal address without asking its resolver.
        if target.is_literal:
            self._policy.check(host=target.host, address=target.host, port=target.port)
        return target


class _CheckedResolver(AbstractResolver):
    """aiohttp connects to what this returns, caches it and asks once for many at a time.

    One refused address refuses the name. To pick the good ones would leave the outcome to the
    order of the records, and nobody honest publishes public and internal addresses under one name.
    """

    def __init__(self, policy: AddressPolicy, resolve: Resolve) -> None:
        self._policy = policy
        self._resolve = resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self._resolve(host)
        for address in addresses:
            self._policy.check(host=host, address=address, port=port)
        if not addresses:
            raise OSError(0, "it has no address")
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in addresses
        ]

    async def close(self) -> None:
        """Holds nothing."""


async def _read_excerpt(response: aiohttp.ClientResponse) -> bytes:
    excerpt = bytearray()
    read = 0
    try:
        while read < READ_LIMIT and (chunk := await response.content.readany()):
            read += len(chunk)
            excerpt += chunk[: KEPT_LIMIT - len(excerpt)]
    finally:
        # A body that goes on ends with its connection; a finished one has given it back already.
        response.close()
    return bytes(excerpt)
