"""What became of the mails of a load."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self


class Sent(NamedTuple):
    """What became of a mail; times are in monotonic nanoseconds, 0 for never."""

    unique_id: str
    recipient: str
    started_at: int
    dot_at: int
    replied_at: int
    code: int
    tries: int
    unanswered: int  # tries that ended after the final dot without a reply: perhaps stored


@dataclass(frozen=True, kw_only=True)
class LoadResult:
    run: str
    sent: list[Sent]
    connection_errors: int
    cpu_seconds: float

    @property
    def accepted(self) -> list[Sent]:
        return [mail for mail in self.sent if mail.code == 250]

    @property
    def codes(self) -> Counter[int]:
        return Counter(mail.code for mail in self.sent)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(vars(self)))

    @classmethod
    def read(cls, path: Path) -> Self:
        values = json.loads(path.read_text())
        return cls(**{**values, "sent": [Sent(*mail) for mail in values["sent"]]})
