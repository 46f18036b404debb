"""The instrument finds what it is there to find."""

import pytest

from benchmarks.receiver import Arrival
from benchmarks.sent import Sent
from faults.count import evaluate
from faults.ledger import Rows

pytestmark = pytest.mark.embedded


def sent(unique_id: str, *, code: int = 250, tries: int = 1) -> Sent:
    return Sent(unique_id, "inbox@faults.example", 1, 2, 3, code, tries, 0)


def arrival(unique_id: str, webhook_id: str, *, status: int = 200) -> Arrival:
    return Arrival(4, "/inbox", webhook_id, unique_id, 1, status)


def rows(*deliveries: str, messages: int | None = None, routed: int | None = None) -> Rows:
    """As many messages as deliveries, and each of them routed, unless it is said otherwise."""
    return Rows(
        messages=_ids(len(deliveries) if messages is None else messages),
        routed=_ids(len(deliveries) if routed is None else routed),
        deliveries=frozenset(deliveries),
    )


def _ids(count: int) -> frozenset[str]:
    return frozenset(f"m{number}" for number in range(count))


def test_all_is_well() -> None:
    count = evaluate(
        [sent("a"), sent("b")], [arrival("a", "1"), arrival("b", "2")], rows=rows("1", "2")
    )
    assert (count.accepted, count.delivered, count.broken_promises()) == (2, 2, [])


def test_an_accepted_mail_that_did_not_arrive_is_lost() -> None:
    count = evaluate([sent("a"), sent("b")], [arrival("a", "1")], rows=rows("1"))
    assert count.broken_promises() == ["1 mails were accepted and did not arrive"]


def test_a_mail_that_failed_where_everybody_sees_it_is_not_lost() -> None:
    count = evaluate(
        [sent("a"), sent("b"), sent("c")],
        [arrival("a", "1")],
        rows=rows("1", "2", messages=2),
        failures={"2": "b"},
    )
    assert (count.delivered, count.failed, count.lost) == (1, 1, 1)
    assert count.broken_promises() == ["1 mails were accepted and did not arrive"]


def test_only_a_2xx_is_an_arrival() -> None:
    count = evaluate([sent("a")], [arrival("a", "1", status=503)], rows=rows("1"))
    assert (count.lost, count.stranded) == (1, 1)


def test_a_stored_mail_must_arrive_though_its_sender_never_got_the_250() -> None:
    count = evaluate([sent("a", tries=2)], [arrival("a", "2")], rows=rows("1", "2"))
    assert count.broken_promises() == ["1 deliveries never came"]


def test_a_message_without_a_delivery_is_found() -> None:
    count = evaluate([sent("a")], [arrival("a", "1")], rows=rows("1", messages=2))
    assert count.broken_promises() == ["1 messages have no delivery"]


def test_two_deliveries_of_one_message_hide_no_other_without() -> None:
    arrivals = [arrival("a", "1"), arrival("a", "2")]
    stored = rows("1", "2", messages=2, routed=1)
    assert evaluate([sent("a", tries=2)], arrivals, rows=stored).unrouted == 1


def test_a_delivery_that_came_and_was_never_recorded_is_found() -> None:
    count = evaluate([sent("a")], [arrival("a", "1")], rows=rows("1"), open_count=1)
    assert count.broken_promises() == ["1 messages or deliveries are not done"]


def test_a_5xx_is_a_broken_promise_and_a_4xx_a_retry() -> None:
    count = evaluate([sent("a", code=550), sent("b", tries=3)], [arrival("b", "1")], rows=rows("1"))
    assert count.broken_promises() == ["1 mails got a 5xx"]
    assert count.retries == 2


def test_a_mail_that_nobody_ever_accepted_is_found() -> None:
    count = evaluate([sent("a", code=451)], [], rows=rows())
    assert count.broken_promises() == ["1 mails were never accepted"]


def test_a_mail_sent_twice_and_stored_twice_is_the_senders_duplicate() -> None:
    arrivals = [arrival("a", "1"), arrival("a", "2")]
    count = evaluate([sent("a", tries=2)], arrivals, rows=rows("1", "2"))
    assert (count.sent_again, count.broken_promises()) == (1, [])


def test_a_mail_sent_once_and_stored_twice_is_ours() -> None:
    arrivals = [arrival("a", "1"), arrival("a", "2")]
    count = evaluate([sent("a")], arrivals, rows=rows("1", "2"))
    assert count.broken_promises() == ["1 mails were stored more often than they were sent"]


def test_a_call_made_again_is_excused_only_by_a_kill_in_its_middle() -> None:
    arrivals = [arrival("a", "1"), arrival("a", "1")]
    excused = evaluate([sent("a")], arrivals, rows=rows("1"), in_flight={"1"})
    unexcused = evaluate([sent("a")], arrivals, rows=rows("1"), in_flight={"2"})
    assert (excused.repeated, excused.broken_promises()) == (1, [])
    assert unexcused.broken_promises() == [
        "1 deliveries came again though nothing was killed in their call"
    ]


def test_a_call_of_an_earlier_scenario_is_not_excused() -> None:
    arrivals = [arrival("a", "1"), arrival("z", "0")]
    assert evaluate([sent("a")], arrivals, rows=rows("1")).unexcused == 1
