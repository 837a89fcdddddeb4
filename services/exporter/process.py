"""The exporter as a process: its parts from the settings, its address, its end."""

from __future__ import annotations

import signal
import sys
import threading
from typing import cast

from redis import Redis
from redis.exceptions import RedisError

from services import broker, logs
from services.clocks import Clocks
from services.exporter.broker_side import BrokerSide
from services.exporter.store_side import StoreSide
from services.metrics.exposition import registry, serve
from services.object_store import connect_store
from services.queues import Queues
from services.settings import Settings

_ADDRESS = "efir:exporter"
_SAY_SECONDS = 5.0
# Prometheus gives up on a scrape after ten seconds, and then does not learn that the broker is away.
_ANSWER_SECONDS = 3.0

log = logs.get("efir.exporter")


def run(settings: Settings) -> int:
    """Until the process is ended. Returns the exit status when it cannot begin."""
    logs.configure(settings.log_level, settings.log_format)
    client, store = broker.connect(settings, _ANSWER_SECONDS, retries=0), connect_store(settings)
    clocks = Clocks(client, store)
    from_store = StoreSide(settings, store, client, clocks)
    from_broker = BrokerSide(settings, client, Queues(broker.create_app(settings), client))
    try:
        address = serve(
            settings.exporter_host, settings.exporter_port, registry("exporter", (from_broker, from_store, clocks))
        )
    except OSError as error:
        where = f"{settings.exporter_host}:{settings.exporter_port}"
        log.critical("metrics cannot be served; set EFIR_EXPORTER_PORT", address=where, error=str(error))
        return 1
    log.info("exporting", metrics=address)
    threading.Thread(target=_say, args=(client, address), name="presence", daemon=True).start()
    # A process that is number 1 of its container does not end at a signal that it does not handle.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    from_store.run()
    return 0


def address_of(client: Redis) -> str | None:
    """Where the exporter of an installation serves its metrics, if one runs."""
    return cast("str | None", client.get(_ADDRESS))


def _say(client: Redis, address: str) -> None:
    waiting = threading.Event()
    while True:
        try:
            client.set(_ADDRESS, address, ex=int(_SAY_SECONDS * 4))
        except RedisError as error:
            log.warning("broker does not answer", error=str(error))
        waiting.wait(_SAY_SECONDS)
