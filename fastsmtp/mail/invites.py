"""Calendar parts (iCalendar, RFC 5545; iMIP, RFC 6047): what happens, when, and who was asked.

Only the lines that are shown reach the library, and only so many: it takes 30 µs for each, and
time zones that a sender defines himself can keep it busy for ever.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import icalendar

from fastsmtp.mail.decoding import clean
from fastsmtp.mail.mailboxes import HeaderMailbox

MAX_LENGTH = 1024 * 1024  # characters that are looked at
MAX_LINES = 1000
MAX_LINE_LENGTH = 1024
MAX_CHOSEN = 64 * 1024  # characters in all lines that the library gets
MAX_EVENTS = 100

_FOLD = re.compile(r"\n[ \t]")
_LINE = re.compile(
    r"^(?:(BEGIN|END):([A-Z0-9-]++)[ \t]*+"
    r"|(?:METHOD|UID|SEQUENCE|SUMMARY|DTSTART|DTEND|DURATION|ORGANIZER|ATTENDEE)[;:].*)$",
    re.IGNORECASE | re.MULTILINE,
)
_COMPONENTS = ("VCALENDAR", "VEVENT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendee:
    """`status` is the PARTSTAT in lower case, such as "accepted"; '' if it was not said."""

    name: str
    address: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A VEVENT. Times are ISO 8601: a date, or a date and time with its offset if the time zone
    is known, without one if it is not. What was not said is '' or None.
    """

    method: str
    uid: str
    sequence: int
    summary: str
    start: str | None
    end: str | None
    organizer: HeaderMailbox | None
    attendees: tuple[Attendee, ...]


class CalendarError(Exception):
    """The text is no calendar that can be read."""


def read_events(text: str) -> tuple[list[Event], bool]:
    """The events of a calendar, and whether it is all of them. Raises CalendarError."""
    lines, is_whole = _choose_lines(text[:MAX_LENGTH])
    try:
        calendar = icalendar.Calendar.from_ical("\r\n".join(lines) + "\r\n")
        method = _read_text(calendar, "METHOD").upper()
        events = calendar.walk("VEVENT")
        found = [_describe(event, method) for event in events[:MAX_EVENTS]]
    # The library tells what it cannot read by whatever its parsers happen to raise.
    except Exception as error:
        raise CalendarError(type(error).__name__) from error
    return found, is_whole and len(text) <= MAX_LENGTH and len(events) <= MAX_EVENTS


def _choose_lines(text: str) -> tuple[list[str], bool]:
    """The unfolded lines of the events and what is around them, and whether it is all of them."""
    chosen: list[str] = []
    opened: list[str] = []
    skipped = ""
    size = 0
    is_whole = True
    for line in _LINE.finditer(_FOLD.sub("", text.replace("\r\n", "\n"))):
        mark, component = (line[1] or "").upper(), (line[2] or "").upper()
        if skipped:
            skipped = "" if (mark, component) == ("END", skipped) else skipped
            continue
        if mark == "BEGIN" and component not in _COMPONENTS:
            skipped = component
            continue
        if len(line[0]) > MAX_LINE_LENGTH:
            is_whole = False
            continue
        size += len(line[0])
        if len(chosen) >= MAX_LINES or size > MAX_CHOSEN:
            return [*chosen, *(f"END:{name}" for name in reversed(opened))], False
        if mark == "BEGIN":
            opened.append(component)
        elif mark == "END" and opened:
            opened.pop()
        chosen.append(line[0])
    return chosen, is_whole


def _describe(event: Any, method: str) -> Event:
    organizer = _get(event, "ORGANIZER")
    attendees = event.get("ATTENDEE", [])
    return Event(
        method=method,
        uid=_read_text(event, "UID"),
        sequence=int(_get(event, "SEQUENCE") or 0),
        summary=_read_text(event, "SUMMARY"),
        start=_write_time(_read_time(event, "DTSTART")),
        end=_write_time(_find_end(event)),
        organizer=None if organizer is None else HeaderMailbox(*_read_person(organizer)),
        attendees=tuple(
            _read_attendee(person)
            for person in (attendees if isinstance(attendees, list) else [attendees])
        ),
    )


def _get(event: Any, name: str) -> Any:
    """The property, the first of several; None if it is missing or cannot be read."""
    found = event.get(name)
    found = found[0] if isinstance(found, list) else found
    return None if isinstance(found, icalendar.vBroken) else found


def _read_text(event: Any, name: str) -> str:
    return clean(str(_get(event, name) or ""))


def _read_attendee(person: Any) -> Attendee:
    name, address = _read_person(person)
    status = clean(str(getattr(person, "params", {}).get("PARTSTAT", "")))
    return Attendee(name=name, address=address, status=status.lower())


def _read_person(person: Any) -> tuple[str, str]:
    address = clean(str(person)).strip()
    if address[:7].lower() == "mailto:":
        address = address[7:]
    name = getattr(person, "params", {}).get("CN", "")
    if isinstance(name, list):  # a comma that should have been quoted
        name = ",".join(name)
    return clean(str(name)), address


def _find_end(event: Any) -> date | None:
    end = _read_time(event, "DTEND")
    start, duration = _read_time(event, "DTSTART"), getattr(_get(event, "DURATION"), "dt", None)
    if end is None and start is not None and isinstance(duration, timedelta):
        return start + duration
    return end


def _read_time(event: Any, name: str) -> date | None:
    found = getattr(_get(event, name), "dt", None)
    return found if isinstance(found, date) else None  # a datetime is a date


def _write_time(time: date | None) -> str | None:
    return None if time is None else time.isoformat()
