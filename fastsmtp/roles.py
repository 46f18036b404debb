"""One role of an installation, run in this process until it is told to stop."""

import os
import sys
import warnings

from celery.exceptions import SecurityWarning
from django.core.management import call_command

from fastsmtp.beat import Beat, OutageScheduler
from fastsmtp.celery import app
from fastsmtp.collector import spare_collector
from fastsmtp.config import Config, ConfigError
from fastsmtp.db import leave_database
from fastsmtp.ports import Role, listeners, require_free
from fastsmtp.stored_secrets import require_right_key
from fastsmtp.waits import limit_waits
from fastsmtp.web import WebServer

ROLES: tuple[Role, ...] = ("api", "smtp", "worker", "beat")
WORKER_NICENESS = 5  # a third of the processor that others on the machine get, if all want it
WORKER_THREADS = 2  # for routing; calls are made by the courier


def run(role: Role, config: Config, *, processes: int | None = None) -> None:
    """Raises ConfigError before it starts. It never migrates and never starts a broker: where
    each role has a machine of its own, that is somebody else's work.

    `processes`: how many receive mail, instead of what the configuration says.
    """
    _require_keys(config)
    if role == "smtp":  # it may be several processes, and prepares each
        call_command("smtpd", processes=processes)
        return
    limit_waits()
    require_free(listeners(config, role))
    if role != "beat":  # which opens no secret, nor does what receives mail
        require_right_key()
        leave_database()
    spare_collector()
    match role:
        case "api":
            WebServer(config).run()
        case "worker":
            _work()
        case "beat":
            _beat()


def _require_keys(config: Config) -> None:
    keys = {
        "FASTSMTP_SECRET_KEY": config.secret_key,
        "FASTSMTP_ENCRYPTION_KEY": config.encryption_key,
    }
    missing = [name for name, key in keys.items() if key is None]
    if missing:
        raise ConfigError(
            [f"{name}: is not set; run `init` first to generate it." for name in missing]
        )


def _work() -> None:
    # Where the processor is short, mail is taken first: its senders have a timeout, and what waits
    # for its webhook is safe.
    os.nice(WORKER_NICENESS)
    # Celery's advice against root is about pickled tasks; ours are JSON.
    warnings.simplefilter("ignore", SecurityWarning)
    worker = app.Worker(
        pool="threads",
        concurrency=WORKER_THREADS,
        quiet=True,
        # With any of these, a worker can stop listening for good after Redis was away.
        without_mingle=True,
        without_gossip=True,
        without_heartbeat=True,
    )
    worker.start()
    sys.exit(worker.exitcode)


def _beat() -> None:
    Beat(app=app, scheduler_cls=OutageScheduler, quiet=True).run()
