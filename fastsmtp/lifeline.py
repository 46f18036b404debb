"""A child process ends when its parent does, even when the parent is killed with SIGKILL.

On Linux the kernel sends the signal (prctl(2), PR_SET_PDEATHSIG). That survives exec, so
`python -m fastsmtp.lifeline PROGRAM …` ties a foreign program to us as well. Elsewhere a thread
of a Python child looks every second, and a foreign program is on its own.
The signal is SIGKILL: nothing in FastSMTP needs an orderly end, and a role that lingered would
hold the port that the next start wants.
"""

import ctypes
import os
import signal
import sys
import threading
import time

_PARENT = "FASTSMTP_PARENT_PID"
_PR_SET_PDEATHSIG = 1


def environment() -> dict[str, str]:
    """For a Python child that shall end with this process, and imports from where we do.

    Start it from the main thread: the kernel watches the thread that forked, not the process.
    """
    path = os.pathsep.join(filter(None, sys.path))
    return {**os.environ, "PYTHONPATH": path, _PARENT: str(os.getpid())}


def die_with_parent() -> None:
    """Ties this process to the parent that asked for it; without one it does nothing."""
    parent = os.environ.pop(_PARENT, None)
    if parent is not None:
        die_with(int(parent))


def die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    # It may have died before the line above.
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    die_with_parent()
    os.execv(sys.argv[1], sys.argv[1:])
