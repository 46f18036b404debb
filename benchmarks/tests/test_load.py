"""The load generator counts every mail, and says what became of it."""

import asyncio
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.load import Load, send
from benchmarks.sent import LoadResult
from benchmarks.tests.stand_in import HANG_UP, ScriptedHandler, smtp_server
from harness.processes import free_port

RECIPIENTS = ["u0@bench.example", "u1@bench.example"]


def run(handler: ScriptedHandler, **options: Any) -> LoadResult:
    async def flood() -> LoadResult:
        async with smtp_server(handler) as port:
            return await send(Load(port=port, recipients=RECIPIENTS, timeout=20, **options))

    return asyncio.run(flood())


def test_every_mail_arrives_once_with_its_id_and_the_size_asked_for() -> None:
    handler = ScriptedHandler()
    result = run(handler, count=40, connections=3, size=5000)
    assert result.codes == {250: 40}
    assert len({mail.unique_id for mail in result.sent}) == 40
    for sent in result.sent:
        (mail,) = [mail for mail in handler.mails if f"<{sent.unique_id}>".encode() in mail]
        assert len(mail) == 5000


def test_recipients_take_turns() -> None:
    handler = ScriptedHandler()
    result = run(handler, count=10)
    assert handler.recipients == RECIPIENTS * 5
    assert [mail.recipient for mail in result.sent] == RECIPIENTS * 5


def test_connections_are_kept_for_many_mails() -> None:
    handler = ScriptedHandler()
    run(handler, count=30, connections=3)
    assert len(handler.clients) == 3


def test_times_of_a_mail_are_in_order() -> None:
    result = run(ScriptedHandler(), count=5)
    assert all(0 < mail.started_at < mail.dot_at < mail.replied_at for mail in result.sent)


def test_a_refusal_is_recorded_and_the_next_mail_goes_on() -> None:
    result = run(ScriptedHandler(["451 4.3.0 Later", "554 5.6.0 Never"]), count=4)
    assert [mail.code for mail in result.sent] == [451, 554, 250, 250]
    assert len(result.accepted) == 2


def test_a_refused_recipient_is_recorded_and_the_next_mail_goes_on() -> None:
    handler = ScriptedHandler(refused="u0@bench.example")
    result = run(handler, count=6)
    assert [mail.code for mail in result.sent] == [550, 250] * 3
    assert handler.recipients == ["u1@bench.example"] * 3


def test_a_deferred_mail_is_sent_again_under_its_id() -> None:
    handler = ScriptedHandler(["451 4.3.0 Later", "451 4.3.0 Later"])
    result = run(handler, count=1, retry_delay=0.01)
    assert [(mail.code, mail.tries) for mail in result.sent] == [(250, 3)]
    assert len(set(handler.mails)) == 1


def test_a_permanent_refusal_is_not_sent_again() -> None:
    result = run(ScriptedHandler(["554 5.6.0 Never"]), count=1, retry_delay=0.01)
    assert [(mail.code, mail.tries) for mail in result.sent] == [(554, 1)]


def test_a_lost_connection_is_counted_and_opened_again() -> None:
    result = run(ScriptedHandler([HANG_UP]), count=3)
    assert sorted((mail.code, mail.unanswered) for mail in result.sent) == [
        (0, 1),
        (250, 0),
        (250, 0),
    ]
    assert result.connection_errors == 1


def test_a_mail_of_a_lost_connection_is_sent_again() -> None:
    result = run(ScriptedHandler([HANG_UP]), count=1, retry_delay=0.01)
    assert [(mail.code, mail.tries, mail.unanswered) for mail in result.sent] == [(250, 2, 1)]


def test_every_so_many_a_reply_is_lost_and_its_mail_sent_again() -> None:
    handler = ScriptedHandler()
    result = run(handler, count=6, retry_delay=0.01, lost_reply_every=3)
    assert sorted((mail.code, mail.tries, mail.unanswered) for mail in result.sent) == [
        *[(250, 1, 0)] * 4,
        *[(250, 2, 1)] * 2,
    ]
    assert (len(handler.mails), len(set(handler.mails))) == (8, 6)


def test_a_rate_sends_by_the_clock() -> None:
    begun_at = time.monotonic_ns()
    result = run(ScriptedHandler(), count=10, connections=2, rate=50)
    assert result.codes == {250: 10}
    # The tenth is never early; how late it is depends on the machine.
    assert max(mail.started_at for mail in result.sent) - begun_at >= 9 / 50 * 1e9


def test_time_ends_a_load_without_a_count() -> None:
    result = run(ScriptedHandler(), seconds=0.2)
    assert result.codes == {250: len(result.sent)}
    assert result.sent


def test_time_ends_a_load_that_waits_for_its_clock() -> None:
    result = run(ScriptedHandler(), seconds=0.3, rate=5)
    assert result.codes == {250: len(result.sent)}
    assert result.sent


def test_mails_without_an_answer_are_in_the_result_when_time_is_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        load = Load(port=port, recipients=RECIPIENTS, rate=1000, count=3, timeout=0.5)
        result = asyncio.run(send(load))
    assert result.codes == {0: 3}


def test_an_absent_server_is_an_error_of_the_connection() -> None:
    load = Load(port=free_port(), recipients=RECIPIENTS, count=1, timeout=0.3)
    result = asyncio.run(send(load))
    assert result.connection_errors > 0
    assert result.accepted == []


def test_a_result_survives_its_file(tmp_path: Path) -> None:
    result = run(ScriptedHandler(["451 4.3.0 Later"]), count=3)
    result.write(tmp_path / "result.json")
    assert LoadResult.read(tmp_path / "result.json") == result


@pytest.mark.parametrize("size", [4096, 102400])
def test_large_and_small_mail_passes_a_server_unchanged(size: int) -> None:
    handler = ScriptedHandler()
    result = run(handler, count=2, size=size)
    assert result.codes == {250: 2}
    assert [len(mail) for mail in handler.mails] == [size, size]
