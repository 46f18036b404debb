"""Several processes that receive mail on the same ports.

Each listens by itself (SO_REUSEPORT, socket(7)), and Linux spreads new connections over them. They
share nothing but the database and, for rates, Redis.
"""

from fastsmtp.config import Config
from fastsmtp.ports import listeners, require_free
from fastsmtp.supervisor import Program, Supervisor
from ingest.tls import Certificate

SIBLING = "--sibling"  # option of smtpd: others listen on its ports too


def supervise(count: int, config: Config) -> None:
    """Keeps so many processes running until a signal asks to stop.

    Raises ConfigError before it starts any: their sockets would not notice whose port they share.
    Raises StartFailed.
    """
    require_free(listeners(config, "smtp"))
    Certificate.configured(config)  # one complaint is enough
    with Supervisor(shutdown_timeout=config.shutdown_timeout.total_seconds()) as supervisor:
        supervisor.start(
            *(
                Program.of_ours(f"smtpd {number}", "smtpd", SIBLING)
                for number in range(1, count + 1)
            )
        )
        supervisor.watch()
