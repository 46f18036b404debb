"""What a calendar part says, in the words of the payload."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastsmtp.mail.invites import (
    MAX_EVENTS,
    MAX_LINE_LENGTH,
    MAX_LINES,
    Attendee,
    CalendarError,
    Event,
    read_events,
)
from fastsmtp.mail.mailboxes import HeaderMailbox
from fastsmtp.mail.message import parse


def write(*lines: str, method: str = "REQUEST") -> str:
    return "\r\n".join(
        ["BEGIN:VCALENDAR", "VERSION:2.0", f"METHOD:{method}", "BEGIN:VEVENT", *lines,
         "END:VEVENT", "END:VCALENDAR", ""]
    )  # fmt: skip


def read(*lines: str) -> Event:
    (event,), is_whole = read_events(write(*lines))
    assert is_whole
    return event


def test_an_invitation() -> None:
    event = read(
        "UID:1@example.org",
        "SEQUENCE:2",
        "SUMMARY:Kaffee\\, Kuchen & mehr",
        "DTSTART;TZID=Europe/Vienna:20250106T100000",
        "DTEND;TZID=Europe/Vienna:20250106T110000",
        'ORGANIZER;CN="Example, Ada":mailto:ada@example.org',
        "ATTENDEE;CN=Bob;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:MAILTO:bob@exam",
        " ple.org",
        "ATTENDEE:mailto:eve@example.org",
    )
    assert event == Event(
        method="REQUEST",
        uid="1@example.org",
        sequence=2,
        summary="Kaffee, Kuchen & mehr",
        start="2025-01-06T10:00:00+01:00",
        end="2025-01-06T11:00:00+01:00",
        organizer=HeaderMailbox("Example, Ada", "ada@example.org"),
        attendees=(
            Attendee(name="Bob", address="bob@example.org", status="needs-action"),
            Attendee(name="", address="eve@example.org", status=""),
        ),
    )


TIMES = {
    "UTC": ("DTSTART:20250106T100000Z", "2025-01-06T10:00:00+00:00"),
    "all day": ("DTSTART;VALUE=DATE:20250106", "2025-01-06"),
    "no zone": ("DTSTART:20250106T100000", "2025-01-06T10:00:00"),
    "zone of Windows": (
        "DTSTART;TZID=W. Europe Standard Time:20250706T100000",
        "2025-07-06T10:00:00+02:00",
    ),
    "zone of the sender's own": ("DTSTART;TZID=Mine:20250106T100000", "2025-01-06T10:00:00"),
    "nonsense": ("DTSTART:yesterday", None),
    "none": ("X-A:b", None),
}


@pytest.mark.parametrize(("line", "start"), TIMES.values(), ids=TIMES)
def test_a_time_is_iso_8601(line: str, start: str | None) -> None:
    assert read("UID:1", line).start == start


def test_a_file_is_known_by_its_name() -> None:
    header = "Content-Type: application/octet-stream; name=Invite.ICS"
    disposition = "Content-Disposition: attachment"
    mail = parse(f"{header}\r\n{disposition}\r\n\r\n{write('UID:1')}".encode())
    assert [(index, event.uid) for index, event in mail.events] == [(0, "1")]


def test_a_duration_tells_the_end() -> None:
    assert read("DTSTART:20250106T100000Z", "DURATION:PT90M").end == "2025-01-06T11:30:00+00:00"


def test_what_belongs_to_an_alarm_or_a_zone_is_not_the_events() -> None:
    text = write("SUMMARY:Coffee", "BEGIN:VALARM", "SUMMARY:Wake up", "ATTENDEE:mailto:a@b",
                 "END:VALARM", "DTSTART:20250106T100000Z")  # fmt: skip
    zone = "BEGIN:VTIMEZONE\r\nTZID:x\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000\r\n"
    zone += "RRULE:FREQ=SECONDLY\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT"
    (event,), _ = read_events(text.replace("BEGIN:VEVENT", zone))
    assert (event.summary, event.attendees) == ("Coffee", ())
    assert event.start == "2025-01-06T10:00:00+00:00"


@pytest.mark.parametrize("text", ["", "no calendar", "BEGIN:VEVENT\r\nUID", "END:VCALENDAR\r\n"])
def test_what_is_no_calendar_is_refused(text: str) -> None:
    with pytest.raises(CalendarError):
        read_events(text)


def test_the_lines_of_a_zone_do_not_count() -> None:
    zone = "BEGIN:VTIMEZONE\r\nTZID:Mine\r\nBEGIN:STANDARD\r\n"
    zone += "DTSTART:16010101T000000\r\n" * MAX_LINES + "END:STANDARD\r\nEND:VTIMEZONE\r\n"
    text = write("DTSTART;TZID=Mine:20250106T100000")
    (event,), is_whole = read_events(text.replace("BEGIN:VEVENT", zone + "BEGIN:VEVENT"))
    assert (event.start, is_whole) == ("2025-01-06T10:00:00", True)


def test_too_many_events_are_cut() -> None:
    one = "BEGIN:VEVENT\r\nUID:x\r\nEND:VEVENT\r\n"
    events, is_whole = read_events(f"BEGIN:VCALENDAR\r\n{one * (MAX_EVENTS + 1)}END:VCALENDAR\r\n")
    assert (len(events), is_whole) == (MAX_EVENTS, False)


def test_lines_with_many_parameters_are_cut() -> None:
    """The library takes its time for each."""
    line = "ATTENDEE" + ";A=B" * 200 + ":mailto:ada@example.org\n"
    events, is_whole = read_events(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\n" + line * 500 + "END:VEVENT\nEND:VCALENDAR\n"
    )
    assert not is_whole
    assert 0 < len(events[0].attendees) < 100


def test_a_line_that_is_too_long_hides_no_other() -> None:
    (event,), is_whole = read_events(write("SUMMARY:" + "x" * MAX_LINE_LENGTH, "UID:1"))
    assert (event.summary, event.uid, is_whole) == ("", "1", False)


def test_a_comma_in_a_name_that_is_not_quoted() -> None:
    assert read("ATTENDEE;CN=Doe, John:mailto:john@b").attendees[0].name == "Doe, John"


def test_too_many_lines_are_cut() -> None:
    (event,), is_whole = read_events(write("UID:1", *["ATTENDEE:mailto:a@b"] * MAX_LINES))
    assert (event.uid, is_whole) == ("1", False)
    assert MAX_LINES - 10 < len(event.attendees) < MAX_LINES


LINES = st.sampled_from(
    ["BEGIN:VCALENDAR", "END:VCALENDAR", "BEGIN:VEVENT", "END:VEVENT", "BEGIN:VALARM",
     "UID:\0\ud800", "END:VALARM",
     "SUMMARY;X=\"a:b", "DTSTART;TZID=../../etc/passwd:20250106T100000", "ATTENDEE;:",
     "DTSTART:00000000T000000Z", "DTEND;VALUE=PERIOD:20250106T100000Z/PT1H", "SEQUENCE:x",
     "DURATION:P999999999D", "ORGANIZER;CN=\ud800:mailto:", "SEQUENCE:1", "SEQUENCE:2", "METHOD:"]
)  # fmt: skip


@given(st.text() | st.lists(LINES).map("\n".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        events, _ = read_events(text)
    except CalendarError:
        return
    for event in events:
        texts = [event.method, event.uid, event.summary, event.start or "", event.end or ""]
        assert "\0" not in "".join(texts)
        "".join(texts).encode()
