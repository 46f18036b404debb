"""A library that some mail is too much for. Python imports this module at its start where its
folder is in the path; the first thing that is made of a mail is its hash."""

import hashlib
import os
import signal
import time
from typing import Any

_sha256 = hashlib.sha256


def _choke(data: bytes = b"", **options: Any) -> Any:
    if b"Subject: deadly" in data:
        os.kill(os.getpid(), signal.SIGKILL)
    if b"Subject: endless" in data:
        time.sleep(3600)
    if b"Subject: enormous" in data:
        bytearray(3 * 1024**3)
    if b"Subject: odd" in data:
        raise ValueError
    return _sha256(data, **options)


hashlib.sha256 = _choke  # type: ignore[assignment]
