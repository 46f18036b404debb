"""Whether this process and the database agree on the time.

Ages count from it: where the clock is days ahead, all that waits for people would be discarded, and
all that is finished deleted.
"""

from datetime import timedelta

from django.db import connection
from django.utils import timezone

TOLERANCE = timedelta(minutes=10)

_SECONDS_SINCE_1970 = {
    "postgresql": "extract(epoch FROM clock_timestamp())",
    "mysql": "unix_timestamp()",
    "sqlite": "strftime('%s', 'now')",
}


class ClocksDiffer(Exception):
    """One of the two is wrong; the text tells by how much."""


def compare_clocks() -> None:
    """Raises ClocksDiffer, DatabaseError."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_SECONDS_SINCE_1970[connection.vendor]}")
        (theirs,) = cursor.fetchone()
    ahead = timedelta(seconds=round(timezone.now().timestamp() - float(theirs)))
    if abs(ahead) > TOLERANCE:
        raise ClocksDiffer(
            f"The clocks of this machine and of the database differ by {abs(ahead)}:"
            " nothing is deleted until they agree."
        )
