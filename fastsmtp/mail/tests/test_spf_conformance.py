"""The test suite of RFC 7208, each case asked over the wire (see rfc7208/README.md)."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastsmtp.dns import with_answers
from fastsmtp.mail.spf import SPFResult, check
from fastsmtp.tests.dns_server import SERVFAIL, Answering, Query, Zone, serve_zone, serving

SUITE = json.loads((Path(__file__).parent / "rfc7208" / "rfc7208-tests.json").read_text())
CASES = [
    pytest.param(name, scenario["zonedata"], case, id=name)
    for scenario in SUITE
    for name, case in scenario["tests"].items()
]
# What we answer in another way than the suite wants, and why.
MISSES = {
    # A TXT record of no strings is malformed (RFC 1035 §3.3.14), so the packet is not an answer.
    "null-text": "temperror",
}
TYPES = ("TXT", "A", "AAAA", "MX", "PTR")


@pytest.mark.parametrize(("name", "zone_data", "case"), CASES)
def test_case_of_rfc_7208(name: str, zone_data: dict[str, list[Any]], case: dict[str, Any]) -> None:
    async def evaluate() -> SPFResult:
        async with serving(fail_below_error(read_zone(zone_data))) as server:
            return await with_answers(
                server.resolver(),
                lambda lookup: check(
                    ip=case["host"],
                    mail_from=case["mailfrom"],
                    helo=case["helo"],
                    lookup=lookup,
                ),
                timeout=30,
            )

    wanted = MISSES.get(name, case["result"])
    allowed = wanted if isinstance(wanted, list) else [wanted]
    assert asyncio.run(evaluate()).result in allowed


def test_the_suite_is_complete() -> None:
    assert len(CASES) == 203


def read_zone(zone_data: dict[str, list[Any]]) -> Zone:
    return {name.lower(): list(read_records(entries)) for name, entries in zone_data.items()}


def read_records(entries: list[Any]) -> Iterator[tuple[str, Any]]:
    """The suite's rules: SPF records stand for TXT records too, unless there are any; NONE only
    prevents that; TIMEOUT, of a type or of all that is not given, is SERVFAIL on our server."""
    given = [record for entry in entries if entry != "TIMEOUT" for record in entry.items()]
    if not any(rdtype == "TXT" for rdtype, _ in given):
        given += [("TXT", value) for rdtype, value in given if rdtype == "SPF"]
    given = [(rdtype, value) for rdtype, value in given if rdtype != "SPF" and value != "NONE"]
    for rdtype, value in given:
        if value == "TIMEOUT":
            yield rdtype, SERVFAIL
        elif rdtype == "TXT":
            strings = [value] if isinstance(value, str) else value
            yield rdtype, [string.encode() for string in strings]
        else:
            yield rdtype, value
    if "TIMEOUT" in entries:
        for rdtype in set(TYPES) - {rdtype for rdtype, _ in given}:
            yield rdtype, SERVFAIL


def fail_below_error(zone: Zone) -> Answering:
    """The suite leaves names out that begin with `error.` and wants lookups of them to fail."""

    async def answer(query: Query) -> bytes | None:
        name = query.name
        if name.startswith("error.") and name not in zone:
            return await serve_zone({name: [(query.rdtype, SERVFAIL)]})(query)
        return await serve_zone(zone)(query)

    return answer
