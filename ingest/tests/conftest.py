import socket
from collections.abc import Iterator

import pytest

from accounts.models import Domain
from delivery.models import Recipient
from ingest.tests.certificates import KeyPair
from ingest.tests.running import ServerInThread
from ingest.tests.statements import Statement, recording


@pytest.fixture
def domain(transactional_db: None, broker: str) -> Domain:
    """example.com, with the recipient info."""
    domain = Domain.objects.create(domain_name="example.com")
    Recipient.objects.create(domain=domain, local_part="info", webhook_url="http://127.0.0.1:9/")
    return domain


@pytest.fixture
def statements() -> Iterator[list[Statement]]:
    """What the server says to the database. Ask for it before the server."""
    with recording() as statements:
        yield statements


@pytest.fixture
def server(domain: Domain) -> Iterator[ServerInThread]:
    with ServerInThread() as server:
        yield server


@pytest.fixture
def port(server: ServerInThread) -> int:
    return server.port


@pytest.fixture
def busy_port() -> Iterator[int]:
    """Somebody listens there, and never says a word to those who connect."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture(scope="session")
def key_pair(tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    return KeyPair.generate(tmp_path_factory.mktemp("tls"))
