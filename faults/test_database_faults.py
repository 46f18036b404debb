"""While the database is away senders are put off; when it is back nobody has to be restarted."""

import time
from collections.abc import Callable
from typing import Literal

import pytest

from benchmarks.answers import Answer, always
from faults.count import Count
from faults.site import Site
from harness.stack import ROLES
from harness.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.embedded]


@pytest.fixture
def database() -> str:
    """SQLite has no server that could stop."""
    return "postgresql"


@pytest.mark.parametrize(
    ("mode", "outage"),
    [
        pytest.param("immediate", 4, marks=pytest.mark.smoke),
        ("immediate", 10),
        ("fast", 10),
        ("immediate", 35),  # longer than any claim
    ],
)
def test_postgresql_stops_and_starts(
    site: Site, settle: Callable[[], Count], mode: Literal["fast", "immediate"], outage: float
) -> None:
    assert site.cluster is not None
    with site.load():
        site.wait_for_mails(50)
        site.cluster.stop(mode)
        time.sleep(outage)
        site.cluster.start()
        site.wait_for_mails(100, timeout=15)
    count = settle()
    assert count.broken_promises() == []
    assert count.retries > 0
    assert site.dead_roles() == []


def test_answers_that_come_during_a_long_outage_are_kept(
    site: Site, settle: Callable[[], Count]
) -> None:
    """Their claims run out meanwhile: they must be recorded before anybody claims again."""
    assert site.cluster is not None
    receiver = site.traffic.receiver
    receiver.behaviours["/inbox"] = always(Answer(200, delay=1.0))
    with site.load(rate=20):
        wait_until(lambda: len(receiver.received) > 20)
        site.cluster.stop("immediate")
        time.sleep(20)
        site.cluster.start()
        site.wait_for_mails(20)
        del receiver.behaviours["/inbox"]
    count = settle()
    assert count.broken_promises() == []
    assert site.dead_roles() == []


def test_roles_stop_and_start_without_the_database(site: Site, settle: Callable[[], Count]) -> None:
    assert site.cluster is not None
    with site.load():
        site.wait_for_mails(50)
    site.settle()  # an answer that cannot be recorded before the end is as good as a kill
    site.cluster.stop("fast")
    for role in ROLES:
        assert site.stack.stop(role) == 0
        site.stack.start(role)
    with site.load():
        site.cluster.start()
        site.wait_for_mails(50)
    assert settle().broken_promises() == []
    assert site.dead_roles() == []
