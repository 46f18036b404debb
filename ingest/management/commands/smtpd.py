import asyncio
import signal
import ssl
from typing import Any

import uvloop
from django.core.management.base import BaseCommand

from fastsmtp.config import ConfigError, config
from fastsmtp.ports import listeners, require_free
from ingest.server import Server


class Command(BaseCommand):
    help = "Receives mail over SMTP until it is told to stop."

    def handle(self, *args: Any, **options: Any) -> None:
        require_free(listeners(config(), "smtp"))
        try:
            uvloop.run(_serve())
        except ssl.SSLError:
            raise ConfigError(
                [
                    "FASTSMTP_SMTP_TLS_KEY: the key is encrypted, or is not that of"
                    " FASTSMTP_SMTP_TLS_CERT, or one of the two files is not PEM."
                ]
            ) from None


async def _serve() -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await Server(config()).serve(stopping)
