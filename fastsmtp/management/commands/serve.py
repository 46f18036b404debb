"""`serve`: everything in one go, or one role for a container."""

from typing import Any

from django.core.management import CommandError, CommandParser, call_command
from django.db import connections

from accounts.models import Domain
from fastsmtp import broker, embedded, roles
from fastsmtp.cli import EarlyCommand, process_count
from fastsmtp.config import Config, config
from fastsmtp.ports import Role, listeners, require_free
from fastsmtp.stored_secrets import require_right_key
from fastsmtp.supervisor import Program, Supervisor
from fastsmtp.welcome import welcome


class Command(EarlyCommand):
    help = (
        "Runs all of FastSMTP: SMTP server, API and admin, delivery worker, scheduler. "
        "With an option only that part, in this process."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        only = parser.add_mutually_exclusive_group()
        for role in roles.ROLES:
            only.add_argument(f"--{role}-only", dest="role", action="store_const", const=role)
        parser.add_argument(
            "--processes",
            type=process_count,
            metavar="N",
            help="With --smtp-only: how many receive mail, instead of FASTSMTP_SMTP_PROCESSES.",
        )

    def handle(self, *, role: Role | None, processes: int | None, **_: Any) -> None:
        if processes is not None and role != "smtp":
            raise CommandError("--processes belongs to --smtp-only; set FASTSMTP_SMTP_PROCESSES.")
        if role is not None:
            roles.run(role, config(), processes=processes)
        else:
            self._serve(_prepare(config()))

    def _serve(self, current: Config) -> None:
        wanted = listeners(current, "smtp", "api")
        with Supervisor(shutdown_timeout=current.shutdown_timeout.total_seconds()) as supervisor:
            if current.redis_url is None:
                _start_broker(supervisor, current)
            supervisor.start(
                *(Program.of_ours(role, "serve", f"--{role}-only") for role in roles.ROLES)
            )
            supervisor.watch(until=lambda: all(listener.is_open() for listener in wanted))
            if not supervisor.is_stopping:
                self.stdout.write(welcome(current, is_empty=not Domain.objects.exists()))
                self.stdout.flush()
                connections.close_all()
            supervisor.watch()


def _prepare(current: Config) -> Config:
    """Finds out what cannot work before anything is started. Raises ConfigError."""
    if current.is_embedded:
        current = embedded.prepare(current)
        embedded.lock(current.data_dir)
    require_free(listeners(current, "smtp", "api"))
    call_command("migrate", interactive=False, verbosity=0)
    require_right_key()
    return current


def _start_broker(supervisor: Supervisor, current: Config) -> None:
    socket = current.broker_socket
    broker.end_orphan(socket)
    command = broker.server_command(socket=socket, folder=current.data_dir)
    supervisor.start(Program("the local broker", command))
    supervisor.watch(until=lambda: broker.is_ready(socket))
