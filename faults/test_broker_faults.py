"""Redis only rings the bell: without it mail flows, and nobody has to be restarted after it."""

import time
from collections.abc import Callable

import pytest

from faults.count import Count
from faults.site import Site
from harness.servers import RedisServer
from harness.stack import ROLES

pytestmark = [pytest.mark.faults, pytest.mark.embedded]


@pytest.mark.smoke
def test_redis_is_flushed(site: Site, settle: Callable[[], Count]) -> None:
    with site.load():
        site.wait_for_mails(50)
        site.broker.flush()
        site.wait_for_mails(100)
        site.wait_for_bell()
    assert settle().broken_promises() == []
    assert site.dead_roles() == []


def test_redis_stops_and_starts(site: Site, settle: Callable[[], Count]) -> None:
    with site.load():
        site.wait_for_mails(50)
        site.broker.stop()
        site.wait_for_mails(50)
        time.sleep(30)
        site.wait_for_mails(50)
        site.broker.start()
        site.wait_for_bell()
        site.wait_for_mails(100)
    assert settle().broken_promises() == []
    assert site.dead_roles() == []


def test_redis_hangs(site: Site, settle: Callable[[], Count]) -> None:
    with site.load():
        site.wait_for_mails(50)
        site.broker.pause()
        site.wait_for_mails(50)
        time.sleep(8)
        site.wait_for_mails(50)
        site.broker.resume()
        site.wait_for_bell()
        site.wait_for_mails(100)
    assert settle().broken_promises() == []
    assert site.dead_roles() == []


@pytest.mark.parametrize(
    ("fault", "repair"),
    [
        pytest.param(RedisServer.stop, RedisServer.start, id="stopped"),
        pytest.param(RedisServer.pause, RedisServer.resume, id="hung"),
    ],
)
def test_roles_stop_and_start_without_redis(
    site: Site,
    settle: Callable[[], Count],
    fault: Callable[[RedisServer], None],
    repair: Callable[[RedisServer], None],
) -> None:
    fault(site.broker)
    for role in ROLES:
        assert site.stack.stop(role) == 0
        site.stack.start(role)
    with site.load():
        site.wait_for_mails(50)
        repair(site.broker)
        site.wait_for_bell()
        site.wait_for_mails(50)
    assert settle().broken_promises() == []
    assert site.dead_roles() == []
