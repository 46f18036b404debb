"""The addresses we listen on: are they free, does somebody answer there?"""

import errno
import os
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

from fastsmtp.config import Config, ConfigError
from fastsmtp.smtp_client import local_target

type Role = Literal["smtp", "api", "worker", "beat"]


@dataclass(frozen=True, kw_only=True)
class Listener:
    host: str
    port: int
    host_variable: str
    port_variable: str

    def is_open(self) -> bool:
        """Somebody answers there."""
        try:
            socket.create_connection((local_target(self.host), self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def claim(self) -> socket.socket:
        """Raises OSError."""
        family, kind, protocol, _, address = socket.getaddrinfo(
            self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(1)
        except OSError:
            listening.close()
            raise
        return listening

    def sentence(self, error: OSError) -> str:
        if error.errno == errno.EADDRINUSE:
            return f"{self.port_variable}: port {self.port} on {self.host} is already in use."
        if error.errno == errno.EACCES:
            return f"{self.port_variable}: port {self.port} needs rights that this user lacks."
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            return f"{self.host_variable}: {self.host} is not an address of this machine."
        reason = os.strerror(error.errno or 0)
        return f"{self.port_variable}: cannot listen on {self.host}:{self.port} ({reason})."


def listeners(config: Config, *roles: Role) -> list[Listener]:
    found = []
    if "smtp" in roles:
        found.append(_smtp(config, "smtp_port"))
        if config.has_certificate:
            found.append(_smtp(config, "smtp_tls_port"))
    if "api" in roles:
        found.append(
            Listener(
                host=config.api_host,
                port=config.api_port,
                host_variable="FASTSMTP_API_HOST",
                port_variable="FASTSMTP_API_PORT",
            )
        )
    return found


def _smtp(config: Config, field: Literal["smtp_port", "smtp_tls_port"]) -> Listener:
    return Listener(
        host=config.smtp_host,
        port=getattr(config, field),
        host_variable="FASTSMTP_SMTP_HOST",
        port_variable=f"FASTSMTP_{field.upper()}",
    )


def require_free(wanted: list[Listener]) -> None:
    """Raises ConfigError with a sentence for each that cannot be had."""
    problems = []
    with ExitStack() as claimed:
        for listener in wanted:
            try:
                # Kept to the end of the block, so that two variables with one port are noticed.
                claimed.enter_context(listener.claim())
            except OSError as error:
                problems.append(listener.sentence(error))
    if problems:
        raise ConfigError(problems)
