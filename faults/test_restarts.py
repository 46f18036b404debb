"""An orderly restart under load: nothing is lost, and unlike a kill it makes nothing come twice."""

from collections.abc import Callable

import pytest

from faults.count import Count
from faults.site import Site
from harness.stack import Role

pytestmark = [pytest.mark.faults, pytest.mark.embedded]


def assert_all_came_once(count: Count) -> None:
    assert count.broken_promises() == []
    assert (count.sent_again, count.repeated) == (0, 0)


@pytest.mark.parametrize("rounds", [pytest.param(1, marks=pytest.mark.smoke), 4])
def test_roles_are_restarted(site: Site, settle: Callable[[], Count], rounds: int) -> None:
    roles: tuple[Role, ...] = ("smtp", "worker")
    for _ in range(rounds):
        with site.load():
            site.wait_for_mails(50)
            for role in roles:
                assert site.stack.stop(role) == 0
                site.stack.start(role)
            site.wait_for_mails(50)
    assert_all_came_once(settle())
    assert site.dead_roles() == []


def test_processes_of_one_port_are_replaced_one_by_one(
    site: Site, settle: Callable[[], Count]
) -> None:
    """The next one ends when the one before has its successor, so somebody always listens."""
    assert site.stack.stop("smtp") == 0
    site.stack.start("smtp", FASTSMTP_SMTP_PROCESSES="2")
    site.wait_for_receivers(2)
    with site.load():
        for receiver in site.receivers():
            site.wait_for_mails(100)
            site.replace(receiver)
        site.wait_for_mails(100)
        assert site.stack.stop("smtp") == 0
        site.stack.start("smtp")
        site.wait_for_mails(50)
    assert_all_came_once(settle())
    assert site.dead_roles() == []
