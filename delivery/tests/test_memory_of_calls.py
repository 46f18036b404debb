"""Large mails cost a bounded memory while they are sent, one alone and many at once."""

import socketserver
import threading
from base64 import encodebytes
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from django.db.models import Q

from accounts.models import Domain
from delivery.courier.calls import LARGE_BODIES, LARGE_BUILDS
from delivery.models import Delivery, Endpoint, Recipient
from delivery.routing.routing import route
from delivery.tests.courier_process import CourierProcess
from delivery.tests.records import create_endpoint
from delivery.tests.roomy_servers import RoomyThreadingTCPServer
from delivery.tests.submissions import receive
from harness.waiting import wait_until

# Longer than two sends are waited for.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

MEGABYTE = 1_000_000
ALONE = 80 * MEGABYTE  # for a call with an attachment of 10 MB
PATIENCE = 120  # seconds
MANY = 24  # their bodies are more than `LARGE_BODIES`
MAIL = (
    b"Subject: large\r\nContent-Type: application/pdf; name=large.pdf\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\n" + encodebytes(bytes(range(250)) * 40_000)
).replace(b"\n", b"\r\n")


class Hole(RoomyThreadingTCPServer):
    """Takes bodies and keeps nothing. It answers when so many have come as `crowd` says."""

    daemon_threads = True

    def __init__(self) -> None:
        self.crowd = 1
        self.sizes: list[int] = []
        self.is_full = threading.Event()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Call)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{path}"

    def count(self, size: int) -> None:
        with self._lock:
            self.sizes.append(size)
            if len(self.sizes) >= self.crowd:
                self.is_full.set()


class _Call(socketserver.StreamRequestHandler):
    server: Hole

    def handle(self) -> None:
        with suppress(ConnectionError):
            while length := self._read_length():
                buffer = memoryview(bytearray(65536))
                left = length
                while left:
                    left -= self.rfile.readinto(buffer[: min(left, len(buffer))])
                self.server.count(length)
                self.server.is_full.wait()
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def _read_length(self) -> int:
        length = 0
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return length


@pytest.fixture
def hole() -> Iterator[Hole]:
    with Hole() as hole:
        thread = threading.Thread(target=hole.serve_forever, args=(0.02,))
        thread.start()
        yield hole
        hole.is_full.set()
        hole.shutdown()
        thread.join()


def _send(domains: list[Domain], hole: Hole, *, mode: str = "json", raw: bytes = MAIL) -> None:
    """A mail to an endpoint of each domain, and until all have theirs."""
    messages = []
    for number, domain in enumerate(domains):
        url = hole.url(f"{len(raw)}/{number}")
        Endpoint.objects.filter(pk=create_endpoint(domain, url=url).pk).update(mode=mode)
        recipient = Recipient.objects.create(
            domain=domain, local_part=f"u{len(raw)}", webhook_url=url
        )
        messages.append(receive(recipient, raw=raw))
    route([message.id for message in messages])
    deliveries = Delivery.objects.filter(message__in=messages)
    is_over = Q(status=Delivery.Status.DELIVERED)
    wait_until(lambda: not deliveries.exclude(is_over).exists(), timeout=PATIENCE)
    assert deliveries.count() == len(domains)


@pytest.fixture
def courier(domain: Domain, hole: Hole, tmp_path: Path) -> Iterator[CourierProcess]:
    """That has loaded what it needs."""
    with CourierProcess(tmp_path) as courier:
        _send([domain], hole, raw=b"Subject: small\r\n\r\nHello\r\n")
        hole.sizes.clear()
        yield courier


@pytest.mark.parametrize("mode", ["json", "multipart"])
def test_one_alone(domain: Domain, hole: Hole, courier: CourierProcess, mode: str) -> None:
    before = courier.memory()
    _send([domain], hole, mode=mode)
    assert hole.sizes[0] > 10 * MEGABYTE
    assert courier.peak_memory() - before < ALONE


def test_many_at_once(hole: Hole, courier: CourierProcess) -> None:
    """Nobody gets an answer until as many are under way as the budget allows to many tenants."""
    domains = [Domain.objects.create(domain_name=f"d{number}.example") for number in range(MANY)]
    hole.is_full.clear()
    hole.crowd = LARGE_BODIES // len(MAIL)
    before = courier.memory()
    _send(domains, hole)
    assert hole.is_full.is_set()
    assert sum(hole.sizes) > LARGE_BODIES
    # What is being built counts as the mail that it is made of.
    assert courier.peak_memory() - before < LARGE_BODIES + LARGE_BUILDS * ALONE
