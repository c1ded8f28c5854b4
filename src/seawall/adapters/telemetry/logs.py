"""Log lines to standard error: ours and those of the libraries, in one form, without secrets."""

from __future__ import annotations

import logging
import re
import sys
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_TOKEN = re.compile(r"\bswl_([A-Za-z0-9-]+)_[A-Za-z0-9_=-]+")


def set_up_logs(
    level: Literal["debug", "info", "warning", "error"], form: Literal["console", "json"]
) -> None:
    """Log from this level on to standard error, for people (`console`) or as JSON lines.

    Lines carry the machine's time, also where everything else uses a stepped clock: they tell when
    something happened to the process. The secret part of a token is never written. What libraries
    log through `logging` comes in the same form. May be called again.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        _hide_tokens,
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last)
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("alembic", "httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _hide_tokens(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Leave of each Seawall token only its public id."""
    return {
        key: _TOKEN.sub(r"swl_\1_***", value) if isinstance(value, str) else value
        for key, value in event.items()
    }
