import argparse
import asyncio
import signal
from typing import Any

import uvloop
from django.core.management import BaseCommand, CommandParser

from fastsmtp.cli import process_count
from fastsmtp.collector import spare_collector
from fastsmtp.config import config
from fastsmtp.open_files import make_room
from fastsmtp.ports import listeners, require_free
from fastsmtp.waits import limit_waits
from ingest.processes import SIBLING, supervise
from ingest.server import Server


class Command(BaseCommand):
    help = "Receives mail over SMTP until it is told to stop."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--processes",
            type=process_count,
            metavar="N",
            help="How many receive mail, instead of FASTSMTP_SMTP_PROCESSES.",
        )
        parser.add_argument(SIBLING, dest="is_sibling", action="store_true", help=argparse.SUPPRESS)

    def handle(self, *, processes: int | None, is_sibling: bool, **_: Any) -> None:
        current = config()
        count = processes or current.smtp_processes
        if is_sibling:
            _receive(Server(current, has_siblings=True))
        elif count > 1:
            supervise(count, current)
        else:
            require_free(listeners(current, "smtp"))
            _receive(Server(current))


def _receive(server: Server) -> None:
    connections = config().smtp_max_connections
    make_room(connections, f"FASTSMTP_SMTP_MAX_CONNECTIONS={connections}")
    spare_collector()
    limit_waits()
    uvloop.run(_serve(server))


async def _serve(server: Server) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await server.serve(stopping)
