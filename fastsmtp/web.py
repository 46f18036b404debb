"""The web role: gunicorn with threads around our WSGI application."""

from typing import Any

from gunicorn import glogging, util
from gunicorn.app.base import BaseApplication

from fastsmtp.config import Config
from fastsmtp.lifeline import die_with


class _Logger(glogging.Logger):
    """Leaves gunicorn's messages to the handlers of `fastsmtp.logs`."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
        self.error_log.setLevel("WARNING")


def _tie_to_arbiter(arbiter: Any, worker: Any) -> None:
    die_with(arbiter.pid)


class WebServer(BaseApplication):
    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__()

    def load_config(self) -> None:
        host = self._config.api_host
        port = self._config.api_port
        options = {
            "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            "worker_class": "gthread",
            "workers": 1,
            "threads": min(self._config.api_threads, self._config.max_connections),
            "graceful_timeout": int(self._config.shutdown_timeout.total_seconds()),
            "control_socket_disable": True,
            "logger_class": _Logger,
            "post_fork": _tie_to_arbiter,
            "proc_name": "fastsmtp-api",
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return util.import_app("fastsmtp.wsgi:application")
