"""The name server of a benchmark: knows the sender, and never answers about `dead.example`."""

import argparse
import asyncio
from pathlib import Path

from benchmarks.mails import LOAD_DOMAIN
from benchmarks.signing import SELECTOR, make_record
from fastsmtp.tests.dns_server import Answering, Query, Zone, serve_zone, serving

CLIENT_IP = "192.0.2.17"  # of whom the sender's policy speaks
DEAD_DOMAIN = "dead.example"


def make_zone(key: Path) -> Zone:
    """A policy as most senders have one: it includes that of whoever sends for them."""
    return {
        f"{SELECTOR}._domainkey.{LOAD_DOMAIN}": [("TXT", make_record(key))],
        LOAD_DOMAIN: [("TXT", f"v=spf1 include:_spf.{LOAD_DOMAIN} -all".encode())],
        f"_spf.{LOAD_DOMAIN}": [("TXT", b"v=spf1 ip4:198.51.100.0/24 ip4:192.0.2.0/24 ~all")],
    }


def answer_or_swallow(key: Path) -> Answering:
    answer = serve_zone(make_zone(key))

    async def answering(query: Query) -> bytes | None:
        return None if query.name.endswith(f".{DEAD_DOMAIN}") else await answer(query)

    return answering


async def _serve(port: int, key: Path) -> None:
    async with serving(answer_or_swallow(key), port=port):
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.name_server", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--signing-key", type=Path, required=True, help="PEM")
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments.port, arguments.signing_key))
