"""Clients that say EHLO and no more, as a process: `python -m benchmarks.idle_clients --port …`.

It says so on standard output once all are there, and how many of them got no answer.
"""

import argparse
import asyncio
import resource
import ssl

AT_ONCE = 100  # connections on their way; a backlog takes more, but a handshake is work
EHLO = b"EHLO idle.example\r\n"


async def _stay(port: int, tls: ssl.SSLContext | None) -> asyncio.StreamWriter:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    await reader.readuntil(b"\r\n")
    writer.write(EHLO)
    while not (await reader.readuntil(b"\r\n")).startswith(b"250 "):
        pass
    return writer


async def _hold(count: int, port: int, tls: ssl.SSLContext | None) -> None:
    places = asyncio.Semaphore(AT_ONCE)

    async def enter() -> asyncio.StreamWriter:
        async with places:
            return await _stay(port, tls)

    clients = await asyncio.gather(*(enter() for _ in range(count)), return_exceptions=True)
    failed = sum(isinstance(client, BaseException) for client in clients)
    print(f"{count - failed} of {count} are idle", flush=True)
    await asyncio.Event().wait()


def _make_tls() -> ssl.SSLContext:
    """The certificate is a throw-away one."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.idle_clients", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--tls", action="store_true")
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    tls = _make_tls() if arguments.tls else None
    asyncio.run(_hold(arguments.connections, arguments.port, tls))
