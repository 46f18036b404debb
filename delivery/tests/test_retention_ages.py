"""Ages in days, and the moments before which things may go."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from delivery.retention.ages import FOR_EVER, Ages, Cutoffs
from fastsmtp.config import config

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
AGES = Ages(messages=30, raw=7, log=14, held=40, quarantined=90)


def cutoffs(**changes: int | None) -> Cutoffs:
    return Cutoffs.at(NOW, replace(AGES, **changes))  # type: ignore[arg-type]


def days(count: int) -> datetime:
    return NOW - timedelta(days=count)


def test_each_kind_has_its_own() -> None:
    assert cutoffs() == Cutoffs(
        raw=days(7),
        messages=days(30),
        log=days(14),
        rows=days(30),
        held=days(40),
        quarantined=days(90),
        events=days(14),
        uploads=days(1),
    )


@pytest.mark.parametrize(
    ("changes", "raw"),
    [({"raw": None}, days(30)), ({"raw": 31}, days(30)), ({"raw": 0}, days(30))],
)
def test_bytes_never_outlive_their_message(changes: dict[str, int | None], raw: datetime) -> None:
    assert cutoffs(**changes).raw == raw


def test_a_message_is_kept_for_its_log() -> None:
    longer = cutoffs(log=90)
    assert (longer.rows, longer.messages, longer.raw) == (days(90), days(30), days(7))


@pytest.mark.parametrize("name", ["messages", "log", "held", "quarantined"])
def test_zero_is_for_ever(name: str) -> None:
    kept = cutoffs(**{name: 0})
    assert getattr(kept, name) == FOR_EVER
    assert (kept.rows == FOR_EVER) is (name in ("messages", "log"))


def test_an_event_is_kept_while_it_may_still_be_sent() -> None:
    assert cutoffs(log=1).events == days(2)


def test_bytes_may_go_although_messages_stay() -> None:
    assert cutoffs(messages=0).raw == days(7)
    assert cutoffs(messages=0, raw=None).raw == FOR_EVER


def test_what_the_configuration_says() -> None:
    assert Ages.of(config()) == Ages(messages=30, raw=None, log=30, held=30, quarantined=90)
