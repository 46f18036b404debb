"""One stream of log lines for everything that runs in a process.

Lines go to stderr, because stdout belongs to what a command answers. Our own lines (structlog)
are written directly, which is several times cheaper than by way of the standard library; what
libraries log through it gets the same form.
"""

import logging
import sys
from contextlib import suppress
from typing import IO, Any, BinaryIO, TextIO, cast

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from fastsmtp.config import Config

# What these say at INFO is said better by our own lines, or for every single task or request.
_QUIET = {
    "aiosmtpd": logging.WARNING,
    "mail.log": logging.WARNING,
    "asyncio": logging.WARNING,
    "celery": logging.WARNING,
    "kombu": logging.WARNING,
    "gunicorn.access": logging.WARNING,
    "gunicorn.error": logging.WARNING,
    "django.request": logging.ERROR,
    # At DEBUG it writes down what it renders, with the URLs of webhooks in it.
    "django.template": logging.INFO,
    "faker": logging.WARNING,
}


class _Lossy:
    """What the stream cannot take, on a full disk or with its reader dead, is lost, and mail goes
    on. The standard library's handlers do the same."""

    def __init__(self, stream: IO[Any]) -> None:
        self._stream = stream

    def write(self, line: str | bytes) -> None:
        with suppress(OSError):
            self._stream.write(line)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def configure_logging(config: Config, *, is_quiet: bool = False) -> None:
    """Replaces whatever logging was set up before. Called once, by every role alike.

    `is_quiet`: warnings and worse only, unless the operator has set a level.
    """
    is_asked_for = "log_level" in config.model_fields_set
    level_name = "warning" if is_quiet and not is_asked_for else config.log_level
    level = getattr(logging, level_name.upper())
    as_json = _wants_json(config)
    _configure_own(level, as_json=as_json)
    _configure_libraries(level, as_json=as_json)


def _wants_json(config: Config) -> bool:
    if config.log_format == "auto":
        return not sys.stderr.isatty()
    return config.log_format == "json"


def _common() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _json_line(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS)


def _console() -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(),
        pad_event_to=0,
        exception_formatter=structlog.dev.plain_traceback,
    )


def _configure_own(level: int, *, as_json: bool) -> None:
    factory: Any
    if as_json:
        rendering: list[Processor] = [structlog.processors.format_exc_info, _json_line]
        factory = structlog.BytesLoggerFactory(cast(BinaryIO, _Lossy(sys.stderr.buffer)))
    else:
        rendering = [_console()]
        factory = structlog.WriteLoggerFactory(cast(TextIO, _Lossy(sys.stderr)))
    structlog.configure(
        processors=[*_common(), *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )


def _configure_libraries(level: int, *, as_json: bool) -> None:
    rendering: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if as_json:
        rendering += [structlog.processors.format_exc_info, _as_text(_json_line)]
    else:
        rendering += [_console()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_common(), structlog.stdlib.add_logger_name],
            processors=rendering,
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    for name, quieter in _QUIET.items():
        logging.getLogger(name).setLevel(max(level, quieter))


def _as_text(render: Any) -> Processor:
    def rendered(logger: WrappedLogger, method: str, event: EventDict) -> str:
        line: bytes = render(logger, method, event)
        return line.decode()

    return rendered
