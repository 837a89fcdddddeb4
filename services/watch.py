"""What a worker's main process keeps an eye on: whether the store answers, and whether there is anything to do.

While the store is away nothing more is taken from the queues: what is in hand waits for it, and what is not stays
where every other worker can get it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from celery.worker.state import reserved_requests
from redis import Redis
from redis.exceptions import RedisError

from services import logs
from services.broker import Lane, queue_names
from services.clocks import Clocks
from services.failures import STORE_IS_AWAY
from services.intake import Intake
from services.liveness import Liveness
from services.object_store import connect_store
from services.pauses import paused
from services.queues import depths
from services.settings import Settings

_SECONDS = 2.0
# Clocks drift slowly, and jump seldom.
_CLOCK_SECONDS = 30.0

log = logs.get("efir.worker")


class Watch(threading.Thread):
    def __init__(
        self,
        settings: Settings,
        client: Redis,
        stages: Sequence[str],
        lanes: Sequence[Lane],
        intake: Intake,
        liveness: Liveness,
        clocks: Clocks,
    ) -> None:
        super().__init__(name="watch", daemon=True)
        self._store = connect_store(settings)
        self._client = client
        self._stages = stages
        self._lanes = lanes
        self._intake = intake
        self._liveness = liveness
        self._clocks = clocks
        self._clocks_looked_at = float("-inf")

    def run(self) -> None:
        while True:
            self._look_at_store()
            if time.monotonic() - self._clocks_looked_at > _CLOCK_SECONDS:
                self._clocks_looked_at = time.monotonic()
                self._clocks.look()
            try:
                if not reserved_requests and not self._work_waits():
                    self._liveness.idle()
            except RedisError as error:
                log.warning("broker does not answer", error=str(error))
            time.sleep(_SECONDS)

    def _look_at_store(self) -> None:
        try:
            self._store.exists("hello")
        except STORE_IS_AWAY as error:
            if self._intake.held is None:
                log.warning("nothing is taken until the store answers", error=str(error))
            self._intake.held = str(error)
        else:
            if self._intake.held is not None:
                log.info("the store answers again")
            self._intake.held = None

    def _work_waits(self) -> bool:
        pauses = paused(self._client)
        waiting = depths(self._client)
        return any(waiting[name] for name in queue_names([s for s in self._stages if s not in pauses], self._lanes))
