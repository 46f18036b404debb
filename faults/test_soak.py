"""A short soak; the long ones are `./dev soak`."""

from pathlib import Path

import pytest

from benchmarks.progress import ProgressLine
from faults.soak import Soak, soaked_site

pytestmark = [pytest.mark.faults, pytest.mark.embedded]

SECONDS = 25.0


@pytest.mark.timeout(400)
def test_half_a_minute_of_trouble_loses_nothing(tmp_path: Path) -> None:
    with soaked_site(database="sqlite", folder=tmp_path) as site:
        progress = ProgressLine("soak")
        soak = Soak(site, seed=1, seconds=SECONDS, rate=20, progress=progress)
        verdict = soak.run()
    assert soak.planned
    assert verdict.count.accepted > 0
    assert verdict.wrong == [], verdict.render()
