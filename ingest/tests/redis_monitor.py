"""Everything that clients tell a Redis while a test runs."""

import threading
from types import TracebackType
from typing import Self

import redis

from harness.waiting import wait_until

_LAST = "the monitor ends here"


class RedisMonitor:
    """`text` is complete when the `with` block is over."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url, socket_timeout=None)
        self._commands: list[str] = []
        self._thread = threading.Thread(target=self._listen, name="redis-monitor")

    def __enter__(self) -> Self:
        self._monitor = self._client.monitor()
        self._monitor.__enter__()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.echo(_LAST)
        self._thread.join()
        self._monitor.__exit__(kind, error, traceback)
        self._client.close()

    @property
    def text(self) -> str:
        return "\n".join(self._commands)

    def wait_for(self, words: str) -> None:
        wait_until(lambda: words in self.text)

    def _listen(self) -> None:
        for command in self._monitor.listen():
            self._commands.append(command["command"])
            if _LAST in command["command"]:
                return
