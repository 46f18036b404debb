"""One role of an installation, run in this process until it is told to stop."""

import gc
import sys
import warnings

from celery.exceptions import SecurityWarning
from django.core.management import call_command

from fastsmtp.beat import Beat, OutageScheduler
from fastsmtp.celery import app
from fastsmtp.config import Config, ConfigError
from fastsmtp.ports import Role, listeners, require_free
from fastsmtp.web import WebServer

ROLES: tuple[Role, ...] = ("api", "smtp", "worker", "beat")
WORKER_THREADS = 2  # for routing; calls are made by the courier
YOUNG_OBJECTS = 10_000  # that are made before the collector looks for cycles; 700 by default


def run(role: Role, config: Config) -> None:
    """Raises ConfigError before it starts. It never migrates and never starts a broker: where
    each role has a machine of its own, that is somebody else's work."""
    if config.secret_key is None or config.encryption_key is None:
        raise ConfigError(["FASTSMTP_SECRET_KEY: is not set; run `init` first to generate it."])
    require_free(listeners(config, role))
    _spare_collector()
    match role:
        case "api":
            WebServer(config).run()
        case "smtp":
            call_command("smtpd")
        case "worker":
            _work()
        case "beat":
            _beat()


def _spare_collector() -> None:
    """What is imported by now stays for ever, and a mail makes no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])


def _work() -> None:
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
