"""A process that dies at the worst moment loses nothing, and is simply started again."""

from collections.abc import Callable

import pytest

from fastsmtp.crash import CrashPoint
from faults.count import Count
from faults.site import Site
from harness.stack import Role

pytestmark = [pytest.mark.faults, pytest.mark.embedded]

PASSES = 5  # through the point before it kills: there is traffic around it

POINTS: tuple[tuple[CrashPoint, Role], ...] = (
    ("before_commit", "smtp"),
    ("after_commit", "smtp"),
    ("after_route", "worker"),
    ("after_claim", "worker"),
    ("after_post", "worker"),
    ("after_record", "worker"),
)
SMOKE = {"after_commit"}


def mark(point: CrashPoint, role: Role) -> object:
    marks = [pytest.mark.smoke] if point in SMOKE else []
    return pytest.param(point, role, id=point, marks=marks)


@pytest.mark.parametrize(("point", "role"), [mark(*item) for item in POINTS])
def test_a_crash(site: Site, settle: Callable[[], Count], point: CrashPoint, role: Role) -> None:
    site.stack.kill(role)
    site.stack.start(role, FASTSMTP_CRASH_AT=f"{point}:{PASSES}")
    with site.load():
        site.wait_for_end(role)
        site.stack.start(role)
        site.wait_for_mails(50)
    assert settle().broken_promises() == []
    assert site.dead_roles() == []
