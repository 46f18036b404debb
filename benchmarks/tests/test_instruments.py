"""Load, receiver and references work as processes of their own."""

import http.client
from pathlib import Path

import pytest

from benchmarks.instruments import ReceiverProcess, run_load, start_module
from benchmarks.load import Load
from benchmarks.references import measure_accept_rate, measure_commit_rate
from harness.processes import ProcessFailed, free_port, is_listening


def test_load_in_a_process_reports_every_mail(tmp_path: Path) -> None:
    port = free_port()
    server = start_module("benchmarks.null_smtpd", f"--port={port}", log=tmp_path / "smtpd.log")
    waits: list[None] = []
    try:
        server.wait_until(lambda: is_listening(port))
        recipients = ["u0@bench.example", "u1@bench.example"]
        load = Load(port=port, recipients=recipients, connections=2, count=50, run="abcdef")
        result = run_load(load, folder=tmp_path, on_wait=lambda: waits.append(None))
    finally:
        server.kill()
    assert result.codes == {250: 50}
    assert {mail.recipient for mail in result.sent} == set(recipients)
    assert all(mail.unique_id.startswith("b-abcdef-") for mail in result.sent)
    assert waits


def test_a_load_that_fails_is_an_error(tmp_path: Path) -> None:
    load = Load(port=free_port(), recipients=["u0@bench.example"], size=10, count=1)
    with pytest.raises(ProcessFailed, match="no room for its headers"):
        run_load(load, folder=tmp_path)


def test_receiver_in_a_process_tells_what_came(tmp_path: Path) -> None:
    with ReceiverProcess(folder=tmp_path) as receiver:
        port = int(receiver.url("").rpartition(":")[2])
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for unique_id in ("b-run-1", "b-run-2", "b-run-2"):
            connection.request("POST", "/e/0", f'{{"message_id":"<{unique_id}>"}}')
            connection.getresponse().read()
        connection.close()
        assert receiver.count_delivered() == 2
        arrived = [arrival.unique_id for arrival in receiver.arrivals()]
    assert arrived == ["b-run-1", "b-run-2", "b-run-2"]
    assert not is_listening(port)


def test_the_accept_rate_of_a_bare_server_is_measured(tmp_path: Path) -> None:
    rate = measure_accept_rate(size=4096, connections=2, seconds=0.3, folder=tmp_path)
    assert rate > 1


def test_the_commit_rate_of_sqlite_is_measured(tmp_path: Path) -> None:
    assert measure_commit_rate(database="sqlite", seconds=0.1, folder=tmp_path) > 1
