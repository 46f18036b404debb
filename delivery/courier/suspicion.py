"""Which deliveries may be the death of the process that sends them.

The evidence is a lost claim, so other mail pays nothing for this. All that a process had in hand
when it died are suspects. Each is tried in a child process before its call (`rehearsal`), and only
the one that ends that too is blamed. Whatever else comes of a call, even a failure, clears it.
Pure: values in, values out.
"""

from datetime import datetime, timedelta

from delivery.lanes.answers import Kind

REHEARSALS = 3  # that end badly, and it is given up; a second lost claim counts as one
REHEARSAL_INTERVAL = timedelta(minutes=1)
LONGEST_REHEARSAL = timedelta(seconds=30)
MOST_LOST = 12  # in about two hours, by one that survives its rehearsals and ends workers still
LONGEST_DELAY = timedelta(minutes=15)
PROCESS_ENDED = "the process that worked on it ended, or had to be ended"


def prolong(end: datetime, lost_claims: int) -> datetime:
    """A suspect is claimed for longer than others: for its rehearsal, and so that one which ends
    processes all the same does that ever more rarely."""
    if lost_claims == 0:
        return end
    return end + min(LONGEST_REHEARSAL * 2 ** min(lost_claims - 1, 10), LONGEST_DELAY)


def count_lost(lost_claims: int, kind: Kind) -> int:
    """The count after an outcome. Below the most, so that a person who retries it gets a try."""
    return min(lost_claims + 1, MOST_LOST - 1) if kind is Kind.DEADLY else 0
