"""Database URLs, and what Django needs to know for each engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, unquote, urlsplit

type Engine = Literal["postgresql", "mysql", "sqlite"]

# Drivers named in a URL (postgresql+asyncpg://…) are understood and ignored: Django has its own.
_SCHEMES: Mapping[str, Engine] = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlite": "sqlite",
}
_BACKENDS: Mapping[Engine, str] = {
    "postgresql": "django.db.backends.postgresql",
    "mysql": "django.db.backends.mysql",
    "sqlite": "fastsmtp.sqlite",
}

CONNECT_PATIENCE = 5.0  # seconds that a unit of work waits for a connection
MAX_IDLE = 60.0  # seconds that a connection is kept which an outage, or a peak, has added
# A process that freezes in the middle of a transaction, or whose machine is gone without a word,
# holds the locks of its lanes, and every other worker waits for them. By default a server waits for
# hours; this ends before the claims of that process run out (45 s).
FROZEN_PATIENCE = 30  # seconds without a statement until the server ends a transaction

_DEFAULT_PORTS: Mapping[Engine, int] = {"postgresql": 5432, "mysql": 3306}


@dataclass(frozen=True, kw_only=True)
class DatabaseURL:
    engine: Engine
    name: str
    user: str = ""
    password: str = field(default="", repr=False)
    host: str = ""
    port: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises ValueError with a sentence that never repeats the password."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError("is not a database URL") from None
        engine = _SCHEMES.get(parts.scheme.partition("+")[0])
        if engine is None:
            raise ValueError("must begin with postgresql://, mysql:// or sqlite:///")
        options = dict(parse_qsl(parts.query))
        name = unquote(parts.path[1:])
        if not name:
            raise ValueError("names no database")
        return cls(
            engine=engine,
            name=name,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            host=options.pop("host", "") or unquote(parts.hostname or ""),
            port=port,
            options=options,
        )

    @property
    def port_in_use(self) -> int | None:
        return self.port or _DEFAULT_PORTS.get(self.engine)

    def for_django(self, *, max_connections: int) -> dict[str, Any]:
        """An entry of DATABASES. On PostgreSQL a pool bounds the connections of the process; on
        the others there is one connection a thread, and the number of threads is the bound."""
        return {
            "ENGINE": _BACKENDS[self.engine],
            "NAME": self.name,
            "USER": self.user,
            "PASSWORD": self.password,
            "HOST": self.host,
            "PORT": str(self.port or ""),
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": self._options(max_connections),
        }

    def _options(self, max_connections: int) -> dict[str, Any]:
        match self.engine:
            case "postgresql":
                return {
                    "pool": _pool(max_connections),
                    "connect_timeout": 5,
                    # A peer that is gone without a word is noticed in seconds, not in minutes.
                    "keepalives_idle": 20,
                    "keepalives_interval": 5,
                    "keepalives_count": 3,
                    "tcp_user_timeout": 30_000,  # milliseconds
                    # Raw mail goes as bytes, not as escaped text; statements are parsed once.
                    "server_side_binding": True,
                    "prepare_threshold": 5,
                    **self.options,
                }
            case "mysql":
                return {"charset": "utf8mb4", "connect_timeout": 5, **self.options}
            case "sqlite":
                return {"transaction_mode": "IMMEDIATE", **self.options}


def _pool(max_connections: int) -> dict[str, Any]:
    """The pool's pause between two tries to connect doubles until it gives up and starts anew; by
    default that is after 5 minutes, and a database would be back for minutes before it is noticed.
    """
    return {
        "min_size": 0,
        "max_size": max_connections,
        "max_idle": MAX_IDLE,
        "timeout": CONNECT_PATIENCE,
        "reconnect_timeout": CONNECT_PATIENCE,
    }
