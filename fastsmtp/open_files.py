"""Room for connections: each is an open file, and many systems begin with a limit of 1,024."""

import logging
import resource

log = logging.getLogger(__name__)

# What is open beside the connections: 1,024 questions to name servers, database, broker, libraries.
OTHERS = 1280


def make_room(connections: int, purpose: str) -> None:
    """Raises our own limit as far as so many connections need, and tells when that is too little.

    An administrator's (hard) limit stays; up to there a process may go by itself.
    """
    needed = connections + OTHERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < needed:
        log.warning(
            "Only %d files may be open, which is too few for %s: %d are needed (ulimit -n,"
            " LimitNOFILE= of systemd).",
            most,
            purpose,
            needed,
        )
