"""`kill -9` under load: nothing is lost, and only a call in flight can come twice."""

from collections.abc import Callable

import pytest

from benchmarks.answers import always
from faults.count import Count
from faults.site import Site
from harness.stack import Role
from harness.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.embedded]


@pytest.mark.parametrize("role", ["smtp", "worker", "beat"])
def test_a_kill_under_load(site: Site, settle: Callable[[], Count], role: Role) -> None:
    with site.load(rate=200):
        site.wait_for_mails(200)
        site.kill(role)
        site.stack.start(role)
        site.wait_for_mails(200)
    assert settle().broken_promises() == []
    assert site.dead_roles() == []


def test_a_worker_killed_in_mid_post(site: Site, settle: Callable[[], Count]) -> None:
    receiver = site.traffic.receiver
    receiver.behaviours["/inbox"] = always(None)
    with site.load():
        wait_until(lambda: receiver.received)
        site.kill("worker")
        held = {arrival.webhook_id for arrival in receiver.received}
        del receiver.behaviours["/inbox"]
        site.stack.start("worker")
        site.wait_for_mails(50)
    count = settle()
    second_attempts = {arrival.webhook_id for arrival in receiver.received if arrival.attempt == 2}
    assert held <= second_attempts
    assert count.broken_promises() == []
    assert count.repeated == 0
    assert site.dead_roles() == []
