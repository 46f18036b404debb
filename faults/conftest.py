"""Installations for the scenarios, and at the end of the run the table of what came of the mails.

Scenarios on one database share an installation, so its processes live through one fault after
another. After a scenario that failed the next one gets a fresh one.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict

import pytest

from faults.count import Count
from faults.site import Site, build_site
from harness.servers import ServerNotFound, find_postgres_programs

COLUMNS = ("accepted", "retries", "delivered", "lost", "sent_again", "repeated")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Sites:
    """One for each database, built when it is first asked for."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders
        self._running: dict[str, tuple[Site, ExitStack]] = {}

    def get(self, database: str) -> Site:
        """Raises ServerNotFound where PostgreSQL is not installed."""
        if database not in self._running:
            with ExitStack() as exits:
                folder = self._folders.mktemp(database)
                site = exits.enter_context(build_site(database=database, folder=folder))
                self._running[database] = site, exits.pop_all()
        return self._running[database][0]

    def drop(self, database: str) -> None:
        _, exits = self._running.pop(database)
        exits.close()

    def drop_all(self) -> None:
        for database in list(self._running):
            self.drop(database)


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    running = Sites(tmp_path_factory)
    yield running
    running.drop_all()


@pytest.fixture
def site(database: str, sites: Sites) -> Iterator[Site]:
    if database == "postgresql":
        _require_postgres()
    running = sites.get(database)
    running.begin()
    yield running
    if not running.is_sound:
        sites.drop(database)


def _require_postgres() -> None:
    try:
        find_postgres_programs()
    except ServerNotFound as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture
def settle(site: Site, record_property: Callable[[str, object], None]) -> Callable[[], Count]:
    """`site.settle`, with the count in the table."""

    def settle_and_record() -> Count:
        count = site.settle()
        record_property("count", asdict(count))
        return count

    return settle_and_record


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call"
    ]
    rows = [
        [report.head_line, *(str(count[column]) for column in COLUMNS)]
        for report in reports
        for name, count in report.user_properties
        if name == "count"
    ]
    if not rows:
        return
    terminalreporter.section("what became of the mails")
    for name, *figures in [["", *COLUMNS], *sorted(rows)]:
        terminalreporter.write_line(f"{name:<64}" + "".join(f"{cell:>11}" for cell in figures))
