"""What `test_dkim` and `test_spf` share: questions and answers, one line each, as they come."""

from collections.abc import Callable
from typing import Any

from fastsmtp.config import config
from fastsmtp.dns import Answer, Resolver, TemporaryDNSError


class ToldResolver(Resolver):
    """Tells `say` what it was asked and what it learned."""

    def __init__(self, say: Callable[[str], object]) -> None:
        super().__init__(servers=config().dns_servers)
        self._say = say

    def peek(self, name: str, rdtype: str) -> None:
        """Nothing is known without being told."""

    async def resolve(self, name: str, rdtype: str) -> Answer:
        try:
            answer = await super().resolve(name, rdtype)
        except TemporaryDNSError as error:
            self._say(f"  {name} {rdtype}: {error.reason}")
            raise
        self._say(f"  {name} {rdtype}: {_describe(answer)}")
        return answer


def _describe(answer: Answer) -> str:
    if not answer.is_existing:
        return "no such name"
    return ", ".join(map(_text, answer.records)) or "no such record"


def _text(record: Any) -> str:
    match record:
        case bytes():
            return f'"{record.decode("utf-8", "backslashreplace")}"'
        case (preference, name):
            return f"{preference} {name}"
        case _:
            return str(record)
