"""kombu's transport for Redis, which leaves nothing open when it cannot connect.

It opens an epoll descriptor before it connects. What failed to connect is garbage that only the
search for cycles finds, which is rare in our processes (`fastsmtp.collector`): while Redis is away,
each task that cannot be published would keep a descriptor.
"""

from typing import Any

from kombu import transport
from kombu.transport import redis


class Transport(redis.Transport):
    cycle: Any  # a MultiChannelPoller; its parent has other kinds
    _is_closed = False

    def establish_connection(self) -> object:
        if self._is_closed:
            self.cycle = redis.MultiChannelPoller()
            self._is_closed = False
        try:
            return super().establish_connection()
        except BaseException:
            self.cycle.poller.close()
            self._is_closed = True
            raise


def use_for_redis() -> None:
    """From now on; of `redis+socket` kombu keeps the part before the plus."""
    for scheme in ("redis", "rediss"):
        transport.TRANSPORT_ALIASES[scheme] = f"{__name__}:{Transport.__name__}"
