"""Beat only rings a second bell: without it mail flows, and two of them double nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from faults.count import Count
from faults.site import Site

pytestmark = [pytest.mark.faults, pytest.mark.embedded]


def test_without_beat(site: Site, settle: Callable[[], Count]) -> None:
    """And without the tasks that told of new mail, which leaves the courier's own look."""
    site.stack.kill("beat")
    with site.load():
        site.wait_for_mails(50)
        site.broker.flush()
        site.wait_for_mails(100)
    count = settle()
    site.stack.start("beat")
    assert count.broken_promises() == []
    assert count.repeated == 0


def test_beat_twice(site: Site, settle: Callable[[], Count], tmp_path: Path) -> None:
    with site.stack.neighbour("beat", folder=tmp_path) as second, site.load():
        site.wait_for_mails(200)
        site.wait_for_bell()
        assert second.is_running("beat")
    count = settle()
    assert count.broken_promises() == []
    assert count.repeated == 0
    assert site.dead_roles() == []
