"""Crash points: the places where a process may die, so that tests can make it die there.

`FASTSMTP_CRASH_AT=after_commit` kills the process (SIGKILL, no clean-up) the first time it gets
there; `after_commit:3` the third time. Nothing but tests sets the variable.
"""

import os
import signal
from typing import Literal

type CrashPoint = Literal[
    "before_commit",
    "after_commit",
    "after_route",
    "after_claim",
    "after_post",
    "after_record",
    "after_detaching",
    "after_deleting_objects",
    "after_cleanup_batch",
    "after_collecting",
    "in_feeding",
    "after_feeding",
]

_point, _, _count = os.environ.get("FASTSMTP_CRASH_AT", "").partition(":")
_passes_left = int(_count or 1)


def crash_point(name: CrashPoint) -> None:
    global _passes_left
    if name != _point:
        return
    _passes_left -= 1
    if _passes_left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
