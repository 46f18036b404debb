"""What comes of a call."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

type Kind = Literal["dns", "connect", "tls", "timeout", "reset", "protocol"]


@dataclass(frozen=True)
class Answer:
    """A complete answer, whatever its status; 3xx too, for no redirect is followed.

    `headers` is read without regard to case. `excerpt` is the beginning of the body as it came,
    never decompressed, at most 16 KiB. `address` is the IP address that answered, `duration` the
    seconds from the call to the end of the body.
    """

    status: int
    headers: Mapping[str, str]
    excerpt: bytes
    address: str | None
    duration: float


class Unreachable(Exception):
    """No complete answer came; `reason` is one sentence without a full stop.

    `dns` the name did not resolve, `connect` nobody took the connection, `tls` the peer could not
    be trusted, `timeout` the time was over, `reset` the connection broke, `protocol` what came was
    not HTTP.
    """

    def __init__(self, reason: str, kind: Kind) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind
