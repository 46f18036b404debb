"""What happens in a soak follows from its seed, and nothing is hit twice at once."""

import itertools

import pytest

from faults.troubles import DEADLY_PART, REST, Planned, Trouble, plan

pytestmark = pytest.mark.embedded

MINUTE = 60.0


def trouble(name: str, *targets: str, is_deadly: bool = False) -> Trouble:
    return Trouble(
        name=name,
        targets=frozenset(targets),
        seconds=(1, 4),
        begin=lambda _: None,
        is_deadly=is_deadly,
    )


TROUBLES = [
    trouble("kill worker", "worker", is_deadly=True),
    trouble("stop worker", "worker"),
    trouble("kill smtp", "smtp", is_deadly=True),
    trouble("stop broker", "broker"),
    trouble("stop database", "database", "worker"),
]


def times(planned: list[Planned]) -> list[tuple[float, float, str]]:
    return [(item.at, item.seconds, item.trouble.name) for item in planned]


def test_the_same_seed_is_the_same_run() -> None:
    first, again, other = (plan(TROUBLES, seed=seed, seconds=MINUTE) for seed in (1, 1, 2))
    assert times(first) == times(again)
    assert times(first) != times(other)


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_hit_while_it_is_in_trouble_or_has_just_been(seed: int) -> None:
    for before, after in itertools.combinations(plan(TROUBLES, seed=seed, seconds=MINUTE), 2):
        if before.trouble.targets & after.trouble.targets:
            assert before.at + before.seconds + REST <= after.at


@pytest.mark.parametrize("seed", range(20))
def test_all_is_over_in_time_and_nothing_dies_late(seed: int) -> None:
    planned = plan(TROUBLES, seed=seed, seconds=MINUTE)
    assert max(item.at + item.seconds for item in planned) <= MINUTE
    deadly = [item for item in planned if item.trouble.is_deadly]
    assert deadly
    assert max(item.at + item.seconds for item in deadly) <= MINUTE * DEADLY_PART


def test_everything_happens_in_a_long_run() -> None:
    happened = {item.trouble.name for item in plan(TROUBLES, seed=1, seconds=10 * MINUTE)}
    assert happened == {trouble.name for trouble in TROUBLES}


def test_a_run_too_short_for_anything_has_no_trouble() -> None:
    assert plan(TROUBLES, seed=1, seconds=1) == []
