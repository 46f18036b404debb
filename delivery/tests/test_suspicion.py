"""How long a suspect is claimed, and what an outcome makes of its count."""

from datetime import UTC, datetime

import pytest

from delivery.courier.suspicion import (
    LONGEST_DELAY,
    LONGEST_REHEARSAL,
    MOST_LOST,
    REHEARSALS,
    count_lost,
    prolong,
)
from delivery.lanes.answers import Kind

END = datetime(2026, 1, 6, 10, tzinfo=UTC)


def test_who_is_no_suspect_gets_no_more_time() -> None:
    assert prolong(END, 0) == END


def test_there_is_time_for_a_rehearsal_and_twice_as_long_each_time() -> None:
    more = [prolong(END, lost_claims) - END for lost_claims in range(1, 5)]
    assert more == [LONGEST_REHEARSAL * factor for factor in (1, 2, 4, 8)]


@pytest.mark.parametrize("lost_claims", [10, 100, 32767])
def test_it_has_an_end(lost_claims: int) -> None:
    assert prolong(END, lost_claims) == END + LONGEST_DELAY


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.DEADLY])
def test_any_other_outcome_clears_it(kind: Kind) -> None:
    assert count_lost(3, kind) == 0


def test_a_rehearsal_that_ended_badly_counts_as_a_lost_claim() -> None:
    assert count_lost(1, Kind.DEADLY) == 2


def test_one_that_was_given_up_has_another_try_when_it_is_retried() -> None:
    assert REHEARSALS < count_lost(MOST_LOST, Kind.DEADLY) < MOST_LOST
