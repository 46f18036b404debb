"""What an answer means: for the mail, for its endpoint, for the size of the next body."""

from enum import StrEnum


class Kind(StrEnum):
    """What an answer means for the delivery."""

    DELIVERED = "delivered"
    FAST = "failed"  # may work again in seconds: 404, 5xx, network
    SLOW = "rejected"  # somebody has to change something: other 3xx and 4xx
    REFUSED = "refused"  # 406: the receiver does not want this mail
    THROTTLED = "throttled"  # 408, 425, 429, 503: later, all of you
    GONE = "gone"  # 410: the endpoint is closed
    NOT_ALLOWED = "not_allowed"  # our address check
    ORPHANED = "orphaned"  # its recipient or domain was deleted
    BROKEN = "internal_error"  # our own fault: says nothing about the endpoint
    UNARCHIVED = "not_archived"  # it has to be in the archive first: not before the bucket works
    DEADLY = "deadly"  # a process that has to do with it dies
    UNKNOWN = "unknown"  # the worker died before it knew


NOT_ABOUT_THE_ENDPOINT = frozenset(
    {Kind.REFUSED, Kind.NOT_ALLOWED, Kind.ORPHANED, Kind.BROKEN, Kind.UNARCHIVED, Kind.DEADLY}
)

# These say something about the mail, not about the endpoint.
ABOUT_THE_MAIL = frozenset({400, 406, 413, 415, 422})
THROTTLING = frozenset({408, 425, 429, 503})

# n8n answers 500 to what is too large for it, other servers 400, or they hang up.
MAYBE_TOO_LARGE = frozenset({400, 500})
SUSPICIOUS_SIZE = 1024 * 1024  # bytes of a body that may be too large
OVERSIZE_FAILURES = 2  # in a row, after which links are sent instead of contents


def kind_of_status(status: int) -> Kind:
    """What an HTTP status code means."""
    if 200 <= status < 300:
        return Kind.DELIVERED
    if status in THROTTLING:
        return Kind.THROTTLED
    if status == 406:
        return Kind.REFUSED
    if status == 410:
        return Kind.GONE
    if status == 404 or status >= 500:
        return Kind.FAST
    return Kind.SLOW


def count_oversize(count: int, *, status: int | None, was_reset: bool, body_size: int) -> int:
    """How many failures in a row may be due to the size of the body; `count` is before this one.
    What was found too large stays so."""
    if count >= OVERSIZE_FAILURES or status == 413:
        return OVERSIZE_FAILURES
    is_suspicious = was_reset or status in MAYBE_TOO_LARGE
    return count + 1 if is_suspicious and body_size > SUSPICIOUS_SIZE else 0
