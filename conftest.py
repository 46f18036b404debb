"""The environment of every test: an embedded installation in a folder of its own.

It must stand before Django reads its settings, and pytest-django would read them before this file
if `DJANGO_SETTINGS_MODULE` were an option of pytest. So it is set here.

`FASTSMTP_DATABASE_URL` and `FASTSMTP_REDIS_URL` choose other servers (`./dev test` does).
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

ROOT_KEY = "fsmtp_test-root-key-0123456789"
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")

# A developer's .env is not for tests.
os.environ["FASTSMTP_ENV_FILE"] = os.devnull


def _make_run_dir() -> Path:
    """One folder for a run; its xdist workers inherit the variable."""
    path = os.environ.get("FASTSMTP_TEST_RUN_DIR") or tempfile.mkdtemp(prefix="fastsmtp-test-")
    os.environ["FASTSMTP_TEST_RUN_DIR"] = path
    return Path(path)


def _redis_of_this_worker(url: str) -> str:
    """Each worker has a database number of its own, counted from 1."""
    number = 1 + int(WORKER.removeprefix("gw") or 0)
    if url.startswith("unix://"):
        return f"{url.partition('?')[0]}?db={number}"
    return urlsplit(url)._replace(path=f"/{number}").geturl()


RUN_DIR = _make_run_dir()
DATA_DIR = RUN_DIR / (WORKER or "main")
DATA_DIR.mkdir(exist_ok=True)
os.environ["FASTSMTP_DATA_DIR"] = str(DATA_DIR)
if os.environ.get("FASTSMTP_REDIS_URL"):
    os.environ["FASTSMTP_REDIS_URL"] = _redis_of_this_worker(os.environ["FASTSMTP_REDIS_URL"])
for _name, _value in {
    "DJANGO_SETTINGS_MODULE": "fastsmtp.settings",
    "FASTSMTP_SECRET_KEY": "only-for-tests-only-for-tests-only-for-tests",
    "FASTSMTP_ENCRYPTION_KEY": "dGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgISE=",
    "FASTSMTP_ROOT_API_KEY": ROOT_KEY,
    "FASTSMTP_SMTP_HOST": "127.0.0.1",
    "FASTSMTP_API_HOST": "127.0.0.1",
    # Asked for where it is tested: there are no name servers elsewhere.
    "FASTSMTP_SMTP_VERIFY_DKIM": "false",
    "FASTSMTP_SMTP_VERIFY_SPF": "false",
    # Receivers of the tests listen on loopback.
    "FASTSMTP_WEBHOOK_ALLOWED_INTERNAL_DOMAINS": "localhost,127.0.0.0/8,::1/128",
}.items():
    os.environ.setdefault(_name, _value)

import django  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connections  # noqa: E402
from django.db.backends.postgresql.base import DatabaseWrapper as PostgreSQL  # noqa: E402
from django.test import Client  # noqa: E402

from fastsmtp.broker import LocalBroker  # noqa: E402
from fastsmtp.config import config  # noqa: E402
from harness.left_running import nothing_left_running  # noqa: E402

django.setup()

from accounts.tests.browsers import superuser_browser  # noqa: E402


def pytest_configure(config: pytest.Config) -> None:
    database = settings.DATABASES["default"]
    if database["ENGINE"] == "fastsmtp.sqlite":
        # A real file: threads and processes share it, and WAL needs one.
        name = str(DATA_DIR / "test.sqlite3")
    else:
        # Of this run alone, so that two runs on one server do not meet.
        name = f"test_{RUN_DIR.name.replace('-', '_')}"
    database.setdefault("TEST", {})["NAME"] = name


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart() -> None:
    """Before xdist starts its workers: with this variable inherited, pytest-django would load the
    settings there before this file has given them a folder and a Redis of their own."""
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What asks neither a database nor a broker is the same on all of them, and the tools are
    tested on servers that they start themselves."""
    for item in items:
        is_tool = item.path.relative_to(item.config.rootpath).parts[0] in ("harness", "benchmarks")
        if is_tool or not _asks_servers(item):
            item.add_marker(pytest.mark.embedded)


def _asks_servers(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    return item.get_closest_marker("django_db") is not None or not fixtures.isdisjoint(
        ("db", "transactional_db", "_broker_server")
    )


def remove_run_dir() -> None:
    shutil.rmtree(RUN_DIR, ignore_errors=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not WORKER:
        remove_run_dir()


@pytest.fixture
def browser() -> Client:
    """Where alice, a superuser, is signed in."""
    return superuser_browser()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """A test without a database makes the pool all the same, while it is refused the connection.
    That pool leads to the configured database, and the whole run would go on in it."""
    connection = connections["default"]
    if isinstance(connection, PostgreSQL):
        connection.close_pool()


@pytest.fixture(autouse=True)
def _nothing_left_running() -> Iterator[None]:
    """Autouse of this file, so its end comes after that of whatever the test asks for."""
    with nothing_left_running():
        yield


@pytest.fixture(scope="session")
def _broker_server() -> Iterator[str]:
    if config().redis_url is not None:
        yield config().broker_url
        return
    with LocalBroker(socket=config().broker_socket, folder=DATA_DIR):
        yield config().broker_url


@pytest.fixture
def broker(_broker_server: str) -> str:
    """The URL of an empty Redis that is this worker's alone, at `config().broker_url`."""
    with redis.Redis.from_url(_broker_server) as client:
        client.flushdb()
    return _broker_server
