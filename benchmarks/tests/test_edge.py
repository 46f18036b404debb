"""Verified mail, dead name servers and idle clients, in small, from end to end."""

from pathlib import Path

import pytest

from benchmarks import edge
from benchmarks.edge import DeadResolver, run_edge
from benchmarks.idle import run_idle


def quiet(_: str) -> None:
    """Nobody watches."""


def test_every_mail_of_the_edge_is_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "ROUNDS", 1)
    result = run_edge(database="sqlite", size=4096, seconds=0.5, folder=tmp_path, progress=quiet)
    for part in (result.flood, result.half):
        figures = part.figures
        assert figures.accepted > 0
        assert (figures.verified, figures.lost) == (figures.accepted, 0)
    assert result.dead.waits is not None
    assert result.dead.waits.p50 > 1000  # ms: they do wait for a name server
    assert result.dead.without[0] < result.dead.waits.p50


def test_a_phase_that_was_disturbed_does_not_count() -> None:
    dead = DeadResolver(100, without=[10, 12, 900], with_waiting=[11, 15, 12], waits=None)
    assert dead.ratio == 1.0


def test_idle_clients_are_held_while_mail_is_taken(tmp_path: Path) -> None:
    results = list(
        run_idle(database="sqlite", folder=tmp_path, progress=quiet, plain=60, encrypted=20)
    )
    assert [(result.kind, result.connections) for result in results] == [
        ("plain", 60),
        ("TLS", 20),
    ]
    assert all(result.accepted == 100 for result in results)
    assert all(result.peak_mb >= result.before_mb > 1 for result in results)
