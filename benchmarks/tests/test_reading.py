"""The rows of the parser say what was read, and that it was read."""

import pytest

from benchmarks import reading
from benchmarks.progress import ProgressLine
from benchmarks.report import Report
from fastsmtp.mail.message import parse


def test_every_step_and_every_large_mail_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LARGE", 20_000)
    monkeypatch.setattr(reading, "READS", 1)
    report = Report(reading=list(reading.run_reading(ProgressLine("reading"))))
    assert len(report.reading) == len(reading.STEPS) + len(reading.LARGE_MAILS)
    assert all(result.milliseconds > 0 for result in report.reading)
    shown = report.render()
    assert "+ reply, invitations" in shown
    assert "one attachment" in shown


@pytest.mark.parametrize("mail", ["one attachment", "many parts", "nested", "not base64"])
def test_what_is_meant_to_be_an_attachment_is_one(
    monkeypatch: pytest.MonkeyPatch, mail: str
) -> None:
    monkeypatch.setattr(reading, "LARGE", 20_000)
    assert parse(reading.LARGE_MAILS[mail]()).attachments
