"""Structured logging: one line an event, with what it is about as fields. Celery's own lines take the same form."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

# Told on every task or every connection; at INFO they would drown what Efir has to say.
_CHATTY = ("celery.worker.strategy", "celery.app.trace", "kombu", "amqp", "urllib3", "stanza")


def configure(level: str, form: str) -> None:
    """Send everything to standard error; `form` is `json` or `console`."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if form == "json":
        shared.append(structlog.processors.format_exc_info)
        renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    # billiard's pool, which does not pass on to the root.
    logging.getLogger("multiprocessing").handlers[:] = [handler]
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))


def get(name: str) -> Any:
    return structlog.get_logger(name)
