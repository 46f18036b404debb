"""Endpoints are ill and well in turn, until they are told to be well for good."""

import pytest

from benchmarks.answers import Answer, always
from benchmarks.receiver import Receiver
from faults.endpoints import KINDS, heal, in_turn, kind_of, local_parts, recipients

pytestmark = pytest.mark.embedded

ILL, WELL = Answer(500), Answer(200)


@pytest.mark.parametrize(
    ("now", "expected"),
    [(100, ILL), (102.9, ILL), (103, WELL), (107.9, WELL), (108, ILL), (1e6 + 3, WELL)],
)
def test_phases_come_again_and_again(now: float, expected: Answer) -> None:
    behaviour = in_turn([(3, ILL), (5, WELL)], begins_at=100, clock=lambda: now)
    assert behaviour() == expected


def test_the_healed_are_well_but_those_whose_mail_may_fail() -> None:
    receiver = Receiver({"/x/500-0": always(ILL), "/x/refuses-0": always(Answer(406))})
    heal(receiver)
    assert receiver.behaviours["/x/500-0"]() == WELL
    assert receiver.behaviours["/x/refuses-0"]() == Answer(406)


def test_every_recipient_tells_its_kind() -> None:
    assert {kind_of(recipient).name for recipient in recipients()} == {kind.name for kind in KINDS}


def test_large_mail_goes_only_where_it_may() -> None:
    large = {kind_of(recipient).name for recipient in recipients(is_large=True)}
    assert large == {kind.name for kind in KINDS if kind.gets_large}


def test_every_endpoint_has_a_name_of_its_own() -> None:
    names = [name for kind in KINDS for name in local_parts(kind)]
    assert len(set(names)) == len(names)
