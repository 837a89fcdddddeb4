"""A poller as a process: its parts from the settings, its metrics, its end."""

from __future__ import annotations

import asyncio

from services import broker, logs
from services.admission import Admission
from services.feeds.poller import poll
from services.metrics.exposition import registry, serve
from services.object_store import connect_store
from services.settings import Settings


def run(settings: Settings, *, once: bool = False) -> int:
    """Until SIGTERM or SIGINT; `once`: until nothing is due. Returns the exit status."""
    logs.configure(settings.log_level, settings.log_format)
    store, app = connect_store(settings), broker.create_app(settings)
    admission = Admission(settings, store, app, settings.shelf.in_use())
    log = logs.get("efir.feeds")
    try:
        address = serve(settings.metrics_host, settings.metrics_port, registry("feeds"))
    except OSError as error:
        where = f"{settings.metrics_host}:{settings.metrics_port}"
        log.critical("metrics cannot be served; set EFIR_METRICS_PORT", address=where, error=str(error))
        return 1
    log.info("polling", metrics=address)
    asyncio.run(poll(settings, store, admission, once=once))
    return 0
