r"""Dialogues down to the byte, as a fuzzer makes them up and as people can read and keep them.

    # What is hidden behind another end of data stays content.
    server: normalizing
    C: EHLO client.example\r\n
    S: 250
    C 3000x: a
    T: NOOP\r\n
    S: 220 2.0.0
    hang up

`C:` is one write of the client, `C 3x:` the same three times in one; `\r`, `\n`, `\0`, `\xff` and
`\\` are its escapes. Lines of `S:` make the client wait, for as many replies. `T:` sends STARTTLS
with something put behind it in the same packet, waits, and begins TLS if it may. The last line
tells how the client leaves. A file may hold several: they are played side by side.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby, pairwise

_STEP = re.compile(r"(?P<side>[CST])(?: (?P<times>\d+)x)?:(?: (?P<text>.*))?")
_ESCAPE = re.compile(rb"\\(?:x([0-9a-f]{2})|([rn0\\]))")
_NAMED = {b"r": b"\r", b"n": b"\n", b"0": b"\0", b"\\": b"\\"}
_SPELT = {ord(value): f"\\{name.decode()}" for name, value in _NAMED.items()}


class Leaving(StrEnum):
    """How a client ends the connection."""

    FINISH = "finish"  # closes its half and listens to the end
    HANG_UP = "hang up"  # closes without listening
    RESET = "reset"  # as a crashing machine does


class Variety(StrEnum):
    """Which configuration it talks to."""

    ORDINARY = "ordinary"  # with a certificate
    NORMALIZING = "normalizing"  # without one
    ENCRYPTED = "encrypted"  # STARTTLS is required


@dataclass(frozen=True)
class Send:
    data: bytes
    times: int = 1

    @property
    def bytes(self) -> bytes:
        return self.data * self.times


@dataclass(frozen=True)
class Listen:
    """Until there is an answer to everything."""


@dataclass(frozen=True)
class StartTLS:
    injected: bytes = b""


type Step = Send | Listen | StartTLS


@dataclass(frozen=True)
class Script:
    steps: tuple[Step, ...]
    leaving: Leaving = Leaving.FINISH
    variety: Variety = Variety.ORDINARY


def parse(text: str) -> list[Script]:
    """Raises ValueError for a line that is none of these."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    starts = [number for number, line in enumerate(lines) if line.startswith("server: ")]
    return [_parse(lines[start:end]) for start, end in pairwise([*starts, len(lines)])]


def _parse(lines: list[str]) -> Script:
    variety = Variety(lines[0].removeprefix("server: "))
    return Script(tuple(_steps(lines[1:-1])), Leaving(lines[-1]), variety)


def _steps(lines: list[str]) -> Iterator[Step]:
    for side, group in groupby(lines, key=lambda line: line[:1]):
        matches = [_STEP.fullmatch(line) for line in group]
        if not all(matches):
            raise ValueError(f"not a line of a dialogue, near {matches}")
        found = [(match["text"] or "", int(match["times"] or 1)) for match in matches if match]
        if side == "S":
            yield Listen()
        elif side == "T":
            yield from (StartTLS(unescape(data)) for data, _ in found)
        else:
            yield from (Send(unescape(data), times) for data, times in found)


def write(script: Script, replies: Iterable[Sequence[str]]) -> str:
    """`replies`: what the server has to say at each `Listen` and `StartTLS`."""
    due = iter(replies)
    lines = [f"server: {script.variety}"]
    for step in script.steps:
        match step:
            case Send(data, 1):
                lines.append(f"C: {escape(data)}")
            case Send(data, times):
                lines.append(f"C {times}x: {escape(data)}")
            case StartTLS(injected):
                lines.append(f"T: {escape(injected)}".strip())
        if not isinstance(step, Send):
            lines.extend(f"S: {reply}" for reply in next(due))
    return "\n".join([*lines, script.leaving]) + "\n"


def escape(data: bytes) -> str:
    """Reversible, and without a space that an editor would cut off."""
    text = "".join(_spell(byte) for byte in data)
    return f"{text[:-1]}\\x20" if text.endswith(" ") else text


def _spell(byte: int) -> str:
    if byte in _SPELT:
        return _SPELT[byte]
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}"


def unescape(text: str) -> bytes:
    def replace(match: re.Match[bytes]) -> bytes:
        return bytes.fromhex(match[1].decode()) if match[1] else _NAMED[match[2]]

    return _ESCAPE.sub(replace, text.encode("ascii"))
