"""How the receiver answers: at once, late, in drops, half or not at all."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

# Content to send, or None to reset the connection, and the seconds until the next piece.
type Piece = tuple[bytes | None, float]


RESET_DELAY = 0.05  # seconds


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: str = ""
    delay: float = 0.0  # seconds
    content: bytes = b"ok"
    drip: float = 0.0  # seconds between two bytes of the content
    is_whole: bool = True  # else the connection is reset in the middle of the content

    def pieces(self) -> Iterator[Piece]:
        head = (
            f"HTTP/1.1 {self.status} -\r\nContent-Type: text/plain\r\n"
            f"{self.headers}Content-Length: {len(self.content)}\r\n\r\n"
        ).encode()
        if self.delay:
            yield b"", self.delay
        content = self.content if self.is_whole else self.content[: len(self.content) // 2]
        if self.drip:
            yield head, self.drip
            for byte in content:
                yield bytes([byte]), self.drip
        else:
            # A moment, so that the half is on its way before a reset throws away what is not.
            yield head + content, 0 if self.is_whole else RESET_DELAY
        if not self.is_whole:
            yield None, 0


type Behaviour = Callable[[], Answer | None]  # None leaves the caller waiting


def always(answer: Answer | None) -> Behaviour:
    return lambda: answer


def missing_for(seconds: float) -> Behaviour:
    """404 until `seconds` after the first request, as an application that starts again."""
    ends_at: list[float] = []

    def answer() -> Answer:
        now = time.monotonic()
        if not ends_at:
            ends_at.append(now + seconds)
        return Answer(404) if now < ends_at[0] else Answer(200)

    return answer


OK = always(Answer(200))
# What can be asked for by name, with an optional number: `slow:10`.
BEHAVIOURS: Mapping[str, Callable[[float], Behaviour]] = {
    "ok": lambda _: OK,
    "slow": lambda seconds: always(Answer(200, delay=seconds)),
    "status": lambda status: always(Answer(int(status))),
    "busy": lambda seconds: always(Answer(503, headers=f"Retry-After: {seconds:.0f}\r\n")),
    "missing": missing_for,
    "hang": lambda _: always(None),
}


def parse_behaviour(text: str) -> Behaviour:
    """Raises KeyError for an unknown name."""
    name, _, number = text.partition(":")
    return BEHAVIOURS[name](float(number or 0))
