"""The calendar parts of a message, and the events in all of them."""

from collections.abc import Sequence
from itertools import islice

from fastsmtp.mail.attachment import Attachment
from fastsmtp.mail.decoding import decode_text
from fastsmtp.mail.invites import MAX_EVENTS, MAX_LENGTH, CalendarError, Event, read_events
from fastsmtp.mail.notes import Notes

MAX_CALENDARS = 5
MAX_OCTETS = 2 * MAX_LENGTH  # of one that are decoded

_TYPES = ("text/calendar", "application/ics")


def collect_events(
    attachments: Sequence[Attachment], notes: Notes
) -> tuple[tuple[int, Event], ...]:
    """Each with the index of its attachment. One that is there twice (many programs send an
    invitation as a part and as a file) counts once.
    """
    found: dict[Event, int] = {}
    calendars = [attachment for attachment in attachments if _is_calendar(attachment)]
    is_whole = len(calendars) <= MAX_CALENDARS
    for calendar in calendars[:MAX_CALENDARS]:
        text = decode_text(calendar.content[:MAX_OCTETS], calendar.charset)
        try:
            events, has_all = read_events(text)
        except CalendarError:
            notes.defects["calendar_unreadable"] = None
            continue
        is_whole = is_whole and has_all and calendar.size <= MAX_OCTETS
        for event in events:
            found.setdefault(event, calendar.index)
    if not is_whole or len(found) > MAX_EVENTS:
        notes.truncated["calendar"] = None
    return tuple((index, event) for event, index in islice(found.items(), MAX_EVENTS))


def _is_calendar(attachment: Attachment) -> bool:
    return attachment.content_type in _TYPES or attachment.filename.lower().endswith(".ics")
