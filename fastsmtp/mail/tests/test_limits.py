"""What is too much is named: a defect for each limit, `truncated` for each field that was cut."""

import pytest

from fastsmtp.mail import bodies, html_text, part_fields, reply
from fastsmtp.mail.calendars import MAX_CALENDARS, MAX_OCTETS
from fastsmtp.mail.headers import MAX_BLOCK_OCTETS, MAX_FIELD_OCTETS, MAX_FIELDS
from fastsmtp.mail.message import MAX_MAILBOXES, parse
from fastsmtp.mail.parts import MAX_LOOKS, MAX_PARTS, split_message
from fastsmtp.mail.tests import winmail
from fastsmtp.mail.tnef import MAX_FILES


def test_a_long_header_is_cut() -> None:
    message = parse(b"Subject: " + b"x" * MAX_FIELD_OCTETS + b"y\r\nX-Next: z\r\n\r\n")
    assert message.subject == "x" * (MAX_FIELD_OCTETS - 1)  # the value begins with its space
    assert message.headers[1] == ("X-Next", "z")
    assert (message.defects, message.truncated) == (("header_too_long",), ("headers",))


def test_headers_are_counted() -> None:
    message = parse(b"A: b\r\n" * (MAX_FIELDS + 1) + b"\r\ntext")
    assert len(message.headers) == MAX_FIELDS
    assert message.body_text == "text"
    assert (message.defects, message.truncated) == (("too_many_headers",), ("headers",))


def test_as_many_as_allowed_are_no_defect() -> None:
    message = parse(b"A: b\r\n" * MAX_FIELDS + b"\r\ntext")
    assert (message.defects, message.truncated) == ((), ())


def test_the_headers_of_a_part_are_found_behind_any_number_of_others() -> None:
    fields = b"A: b\r\n" * (MAX_FIELDS + 1) + b"content-TYPE: image/png\r\n"
    message = parse(b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n%b\r\n--x--" % fields)
    assert [a.content_type for a in message.attachments] == ["image/png"]
    assert (message.defects, message.truncated) == ((), ())


def test_what_tells_how_to_read_the_parts_is_bounded_in_all() -> None:
    """Words in it are decoded, which is slow."""
    part = b"--x\r\nContent-ID: " + b"=?a?q?x?=" * 20_000 + b"\r\nContent-Type: image/png\r\n\r\n"
    raw = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + part * 20 + b"--x--"
    leaves = split_message(raw).leaves
    octets = sum(len(value) for leaf in leaves for value in leaf.header.values())
    assert octets <= part_fields.MAX_OCTETS + 2 * len(leaves) * part_fields.LEAST_OCTETS
    message = parse(raw)
    assert {a.content_type for a in message.attachments} == {"image/png"}
    assert message.defects == ("part_headers_too_large",)
    assert not message.has_all_parts


def test_a_thousand_parts_with_long_names_are_no_defect() -> None:
    name = b"%C3%BC" * 100
    part = b"--x\r\nContent-Disposition: attachment; filename*=utf-8''" + name + b"\r\n\r\n"
    head = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
    message = parse(head + part * (MAX_PARTS - 2) + b"--x--")
    assert {a.filename for a in message.attachments} == {"ü" * 100}
    assert message.defects == ()


def test_text_made_from_cut_html_is_cut_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_OCTETS", 15)
    message = parse("Content-Type: text/html; charset=utf-8\r\n\r\n<p>Grüße aus Köln".encode())
    assert message.body_text == "Grüße aus"
    assert message.truncated == ("body_html", "body_text")


HIDING = {
    "too many headers": b"A: b\r\n" * (MAX_FIELDS + 1) + b"\r\ntext",
    "a large header": b"A: b\r\n" * (MAX_BLOCK_OCTETS // 6 + 1) + b"\r\ntext",
    "a cut Content-Type": b"Content-Type: text/" + b"x" * MAX_FIELD_OCTETS + b"\r\n\r\ntext",
}


@pytest.mark.parametrize("raw", HIDING.values(), ids=HIDING.keys())
def test_what_may_hide_parts(raw: bytes) -> None:
    message = parse(raw)
    assert not message.has_all_parts
    assert message.has_all_headers is raw.startswith(b"Content")


def test_a_cut_header_hides_nothing_else() -> None:
    message = parse(b"X: " + b"x" * MAX_FIELD_OCTETS + b"\r\nY: y\r\n\r\ntext")
    assert message.has_all_headers
    assert message.has_all_parts
    assert [name for name, _ in message.cut_headers] == ["X"]


def test_lines_that_look_like_delimiters_are_counted() -> None:
    message = parse(
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\ntext\r\n"
        + b"--xy\r\n" * MAX_LOOKS
        + b"--x--\r\n"
    )
    assert message.body_text.endswith("--xy\n--x--\n")
    assert message.defects == ("too_many_delimiters", "final_boundary_missing")


def test_lines_that_look_like_nothing_are_not_counted() -> None:
    message = parse(
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\ntext\r\n"
        + b"--y\r\n" * (MAX_LOOKS + 1)
        + b"--x--\r\n"
    )
    assert message.defects == ()


def test_a_long_file_name_costs_little_and_keeps_its_beginning() -> None:
    name = b"=?utf-8?q?=C3=BC?= " * 1000
    message = parse(b'Content-Type: a/b; name="' + name + b'"\r\n\r\n')
    assert message.attachments[0].filename.startswith("üüü")


def test_addresses_are_counted() -> None:
    value = b", ".join(b"a%d@b" % number for number in range(MAX_MAILBOXES + 1))
    message = parse(b"To: " + value + b"\r\nCc: c@example.org\r\n\r\n")
    assert not message.truncated  # nobody has asked for them
    assert len(message.addresses["to"]) == MAX_MAILBOXES
    assert len(message.addresses["cc"]) == 1
    assert message.truncated == ("addresses",)


LONG = "ü" * (bodies.MAX_OCTETS // 2)


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_a_long_body_is_cut_at_a_character(kind: str) -> None:
    head = f"Content-Type: text/{kind}; charset=utf-8\r\n\r\n".encode()
    name = "body_text" if kind == "plain" else "body_html"
    whole = parse(head + LONG.encode())
    assert (getattr(whole, name), whole.truncated) == (LONG, ())
    cut = parse(head + b"x" + LONG.encode() + b"y")
    assert (getattr(cut, name), cut.truncated) == ("x" + LONG[:-1], (name,))


def test_ascii_is_not_cut() -> None:
    message = parse(b"Subject: x\r\n\r\n" + b"x" * (bodies.MAX_OCTETS + 1))
    assert len(message.body_text) == bodies.MAX_OCTETS + 1
    assert message.truncated == ()


def test_a_long_text_is_not_split_into_reply_and_quote() -> None:
    message = parse(b"Subject: x\r\n\r\n> " + b"x" * reply.MAX_LENGTH)
    assert message.reply.stripped == message.body_text
    assert (message.defects, message.truncated) == (("text_too_long_to_split",), ())


def test_text_from_too_much_html_is_cut() -> None:
    message = parse(b"Content-Type: text/html\r\n\r\n" + b"<b>a</b>" * 60_000)
    assert set(message.body_text) == {"a"}
    assert message.truncated == ("body_text",)


def test_long_text_in_html_is_cut() -> None:
    message = parse(b"Content-Type: text/html\r\n\r\n<p>" + b"a" * (html_text.MAX_LENGTH + 1))
    assert message.body_text == "a" * html_text.MAX_LENGTH
    assert message.truncated == ("body_text",)


def test_calendars_are_counted() -> None:
    part = (
        b"--x\r\nContent-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:%d\r\n"
    )
    part += b"END:VEVENT\r\nEND:VCALENDAR\r\n"
    parts = b"".join(part % number for number in range(MAX_CALENDARS + 1))
    message = parse(b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + parts + b"--x--")
    assert [(index, event.uid) for index, event in message.events] == [
        (number, str(number)) for number in range(MAX_CALENDARS)
    ]
    assert (message.defects, message.truncated) == ((), ("calendar",))


def test_of_a_long_calendar_the_beginning_is_read() -> None:
    lines = b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    message = parse(b"Content-Type: text/calendar\r\n\r\n" + lines.ljust(MAX_OCTETS + 1, b"\n"))
    assert [event.uid for _, event in message.events] == ["1"]
    assert message.truncated == ("calendar",)


def test_a_calendar_that_cannot_be_read_is_a_defect() -> None:
    message = parse(b"Content-Type: text/calendar\r\n\r\nBEGIN:VEVENT")
    assert not message.defects
    assert message.events == ()
    assert message.defects == ("calendar_unreadable",)


def attach_winmail(data: bytes) -> bytes:
    return (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\ntext\r\n--x\r\n"
        b"Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\n" + data + b"\r\n--x\r\n"
        b"Content-Type: image/png\r\n\r\n\r\n--x--"
    )


def test_the_files_in_winmail_stand_behind_it() -> None:
    data = winmail.pack(winmail.file("../a.pdf", b"%PDF"), winmail.file("b.txt", b"text"))
    message = parse(attach_winmail(data))
    assert [(a.index, a.filename, a.content_type, a.size) for a in message.attachments] == [
        (0, "winmail.dat", "application/ms-tnef", len(data)),
        (1, "a.pdf", "application/pdf", 4),
        (2, "b.txt", "text/plain", 4),
        (3, "attachment-4.png", "image/png", 0),
    ]
    assert message.defects == ()


def test_a_winmail_that_cannot_be_read_is_a_defect() -> None:
    message = parse(attach_winmail(b"nothing"))
    assert [a.filename for a in message.attachments] == ["winmail.dat", "attachment-2.png"]
    assert message.defects == ("winmail_unreadable",)


def test_the_files_in_winmail_count_as_parts() -> None:
    data = winmail.pack(*[winmail.attribute(winmail.RENDERING, b"")] * MAX_FILES)
    part = b"--x\r\nContent-Type: application/ms-tnef\r\n\r\n" + data + b"\r\n"
    head = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
    message = parse(head + part * 20 + b"--x--")
    assert len(message.attachments) == MAX_PARTS
    assert message.attachments[-1].content_type == "application/ms-tnef"  # that stays closed
    assert message.defects == ("too_many_parts",)
    assert message.has_all_parts
    assert not message.has_all_attachments


def test_as_many_files_in_winmail_as_allowed_are_no_defect() -> None:
    data = winmail.pack(*[winmail.attribute(winmail.RENDERING, b"")] * MAX_FILES)
    message = parse(attach_winmail(data))
    assert len(message.attachments) == MAX_FILES + 2
    assert (message.defects, message.has_all_attachments) == ((), True)
