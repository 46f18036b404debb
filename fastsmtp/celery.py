"""Celery rings the bell: tasks carry ids, the rows say what is due.

Nothing here may block for long or keep anything that matters: a hung or flushed Redis costs
seconds, never a message.
"""

import os

from celery import Celery
from celery.signals import setup_logging

from fastsmtp import broker_transport
from fastsmtp.config import config

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fastsmtp.settings")

BROKER_TIMEOUT = 1.0  # seconds for connecting and for every answer while publishing


def _broker_url(url: str) -> str:
    """kombu's spelling of what redis-py calls unix://."""
    if not url.startswith("unix://"):
        return url
    path, _, query = url.removeprefix("unix://").partition("?db=")
    return f"redis+socket://{path}?virtual_host={query or 0}"


broker_transport.use_for_redis()
app = Celery("fastsmtp", broker=_broker_url(config().broker_url))
app.conf.update(
    task_ignore_result=True,
    task_acks_late=False,
    task_default_queue="fastsmtp",
    task_publish_retry=False,
    task_serializer="json",
    accept_content=["json"],
    worker_hijack_root_logger=False,
    worker_prefetch_multiplier=4,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "socket_timeout": BROKER_TIMEOUT,
        "socket_connect_timeout": BROKER_TIMEOUT,
        "retry_on_timeout": False,
        # A publisher has a sweep behind it: better told at once than after 4 to 6 s of retries.
        "max_retries": 0,
        "visibility_timeout": 3600,
    },
)
app.autodiscover_tasks(["delivery"])


@setup_logging.connect
def _keep_our_logging(**_: object) -> None:
    """Connected, so that Celery leaves the logging of `fastsmtp.logs` alone."""
