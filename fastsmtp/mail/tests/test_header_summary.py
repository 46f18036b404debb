import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastsmtp.mail.headers import HeaderSummary, summarize
from fastsmtp.mail.message import parse
from fastsmtp.mail.tests.mails import MAIL_PIECES

MAIL = (
    b"Received: from a\r\n by b;\r\n Mon, 06 Jan 2025 10:00:00 +0000\r\n"
    b"FROM: =?utf-8?q?Ada?= <ada@example.org>\r\n"
    b"subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n  aus Wien\r\n"
    b"Message-Id:\r\n <abc@example.org>\r\n"
    b"\r\n"
    b"Subject: in the body\r\n"
)


def test_the_summary_is_decoded() -> None:
    assert summarize(MAIL) == HeaderSummary(
        "<abc@example.org>", "Grüße aus Wien", "ada@example.org"
    )


def test_the_line_of_a_mailbox_file_is_passed_over() -> None:
    line = b"From ada@example.org Mon Jan  6 10:00:00 2025\r\n"
    assert summarize(line + MAIL) == summarize(MAIL)
    assert parse(line + MAIL).headers == parse(MAIL).headers
    assert summarize(b"From : b@example.org\r\n" + MAIL).from_address == "b@example.org"
    assert summarize(b"X: y\r\n" + line + MAIL) == HeaderSummary("", "", "")
    assert summarize(line + line + MAIL) == HeaderSummary("", "", "")


@pytest.mark.parametrize("raw", [b"", b"\r\n", b"no header\r\nSubject: x\r\n", b"\0", b"a: b"])
def test_what_is_missing_is_empty(raw: bytes) -> None:
    assert summarize(raw) == HeaderSummary("", "", "")


def test_the_first_of_a_name_counts() -> None:
    raw = b"Subject: first\nFrom: a@example.org\nSubject: second\nFrom: b@example.org\n\n"
    assert summarize(raw) == HeaderSummary("", "first", "a@example.org")


def test_a_name_inside_of_a_value_or_of_a_longer_name_does_not_count() -> None:
    raw = b"X-Subject: a\nX: b\n Subject: c\nX: d\rSubject: e\nSubject-X: f\n\nSubject: g\n"
    assert summarize(raw).subject == ""


def test_lengths_are_bounded() -> None:
    raw = b"Subject: %b\nMessage-ID: <%b>\nFrom: %b@example.org\n\n" % ((b"a" * 5000,) * 3)
    summary = summarize(raw)
    lengths = [len(summary.internet_message_id), len(summary.subject), len(summary.from_address)]
    assert lengths == [998, 998, 320]


def test_only_the_first_256_kib_are_read() -> None:
    filler = b"X: " + b"x" * 1000 + b"\r\n"
    assert summarize(filler * 200 + b"Subject: seen\r\n\r\n").subject == "seen"
    assert summarize(filler * 300 + b"Subject: not seen\r\n\r\n").subject == ""


@given(MAIL_PIECES)
def test_summary_and_message_agree(raw: bytes) -> None:
    message = parse(raw)
    assert summarize(raw) == HeaderSummary(
        message.message_id[:998], message.subject[:998], message.from_address[:320]
    )


@given(st.binary())
def test_any_bytes_have_a_summary(raw: bytes) -> None:
    summary = summarize(raw)
    (summary.internet_message_id + summary.subject + summary.from_address).encode()
