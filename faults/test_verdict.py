"""The soak finds what it is there to find."""

import pytest

from benchmarks.receiver import Arrival
from benchmarks.sent import Sent
from faults.ledger import Ending, Rows
from faults.verdict import Verdict, judge

pytestmark = pytest.mark.embedded

OK = "ok-0@one.soak.example"
GONE = "gone-0@one.soak.example"


def sent(unique_id: str, recipient: str = OK, *, tries: int = 1) -> Sent:
    return Sent(unique_id, recipient, 1, 2, 3, 250, tries, 0)


def arrival(unique_id: str, webhook_id: str, *, status: int = 200) -> Arrival:
    return Arrival(4, "/", webhook_id, unique_id, 1, status)


def run(sent: list[Sent], arrivals: list[Arrival], *endings: Ending, **options: object) -> Verdict:
    ids = frozenset(ending.delivery for ending in endings)
    rows = Rows(messages=ids, routed=ids, deliveries=ids)
    return judge(sent, arrivals, rows=rows, endings=endings, **options)  # type: ignore[arg-type]


def test_delivered_and_held_where_it_may_be_is_well() -> None:
    verdict = run(
        [sent("a"), sent("b", GONE)],
        [arrival("a", "1")],
        Ending("1", "a", OK, "delivered"),
        Ending("2", "b", GONE, "held"),
    )
    assert (verdict.count.delivered, verdict.count.failed, verdict.wrong) == (1, 1, [])
    assert "All is well." in verdict.render()


def test_a_mail_that_failed_at_a_healthy_endpoint_is_found_with_its_delivery() -> None:
    verdict = run([sent("a")], [], Ending("1", "a", OK, "exhausted"))
    assert "1 deliveries ended as they must not at their endpoint" in verdict.wrong
    assert "1 mails were accepted and did not arrive" in verdict.wrong
    assert verdict.suspects == {"1": "is exhausted"}


def test_a_mail_sent_again_and_stored_twice_is_found() -> None:
    verdict = run(
        [sent("a", tries=2)],
        [arrival("a", "1"), arrival("a", "2")],
        Ending("1", "a", OK, "delivered"),
        Ending("2", "a", OK, "delivered"),
    )
    assert verdict.wrong == [
        "1 mails were delivered under two webhook-ids",
        "1 mails were stored twice",
    ]


def test_a_call_made_again_is_well_only_if_it_was_under_way_at_a_kill() -> None:
    calls = [arrival("a", "1"), arrival("a", "1")]
    ending = Ending("1", "a", OK, "delivered")
    assert run([sent("a")], calls, ending, in_flight={"1"}).wrong == []
    verdict = run([sent("a")], calls, ending)
    assert verdict.wrong == ["1 deliveries came again though nothing was killed in their call"]
    assert verdict.suspects == {"1": "came again"}


def test_a_mail_that_arrived_and_is_shown_as_held_is_found() -> None:
    verdict = run([sent("b", GONE)], [arrival("b", "1")], Ending("1", "b", GONE, "held"))
    assert verdict.wrong == ["1 deliveries arrived and are shown as failed"]


def test_what_was_seen_on_the_way_counts() -> None:
    assert run([], [], wrong=["worker ended by itself"]).wrong == ["worker ended by itself"]
