"""The TLS of both ports, and new certificates without a restart."""

import asyncio
import logging
import os
import ssl
from functools import partial
from pathlib import Path
from typing import Self

from fastsmtp.config import Config, ConfigError
from ingest.chores import repeat

log = logging.getLogger(__name__)

INTERVAL = 2.0  # seconds between two looks at the files

# Of TLS 1.2; those of 1.3 are all good. Forward secrecy always (RFC 9325 §4.1), however the
# system's OpenSSL was configured. CBC stays, at the end: older Windows servers have nothing better.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:ECDHE+AES:!AESCCM:!aNULL:!eNULL:!SHA1"

type _Version = tuple[tuple[int, int, int], ...] | None


class Certificate:
    """A key pair on disk. `context` is for every listener, for as long as the process lives: each
    handshake on it uses the pair that was last loaded."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises OSError for files that cannot be read, its ssl.SSLError for what is no pair."""
        self._certificate, self._key = certificate, key
        self._version = self._read_version()
        self._current = self.context = self._load()
        # Loading into the context itself would keep an old pair of another kind of key beside the
        # new one. The callback is called without a server name too.
        self.context.sni_callback = self._use_current

    @classmethod
    def configured(cls, config: Config) -> Self | None:
        """None without one. Raises ConfigError."""
        if config.smtp_tls_cert is None or config.smtp_tls_key is None:
            return None
        try:
            return cls(config.smtp_tls_cert, config.smtp_tls_key)
        except ssl.SSLError:
            raise ConfigError(
                [
                    "FASTSMTP_SMTP_TLS_KEY: the key is encrypted, or is not that of"
                    " FASTSMTP_SMTP_TLS_CERT, or one of the two files is not PEM."
                ]
            ) from None

    async def follow(self, stopping: asyncio.Event) -> None:
        """Refreshes until `stopping` is set."""
        refresh = partial(asyncio.to_thread, self.refresh)
        await repeat(refresh, name="the certificate", interval=INTERVAL, stopping=stopping)

    def refresh(self) -> None:
        """Loads the files again if they have changed. A pair that cannot be used, or of which only
        half has been written yet, is logged and leaves the one before in force."""
        version = self._read_version()
        if version == self._version:
            return
        self._version = version
        try:
            self._current = self._load()
        except OSError as error:  # ssl.SSLError is one
            log.error("the changed certificate cannot be used, the old one stays: %s", error)
        else:
            log.info("certificate %s loaded again", self._certificate)

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996
        context.set_ciphers(CIPHERS)
        # A service has no terminal to ask for the pass phrase of an encrypted key.
        context.load_cert_chain(self._certificate, self._key, password="")
        return context

    def _use_current(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        connection.context = self._current

    def _read_version(self) -> _Version:
        """None while one of the files is missing."""
        try:
            found = [os.stat(path) for path in (self._certificate, self._key)]
        except OSError:
            return None
        return tuple((status.st_ino, status.st_size, status.st_mtime_ns) for status in found)
