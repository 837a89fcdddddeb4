"""What the broker is asked at each scrape: itself, the queues, the workers, the feeds, the counts of the installation.

When it does not answer, `efir_broker_up` is 0 and nothing else is said: what is not known is not there.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client.core import Metric
from redis import Redis
from redis.exceptions import RedisError

from pipeline.graph import STAGES
from services import metrics
from services.breaker import failed_share
from services.broker import Lane, queue_name
from services.dispatcher import is_dispatching
from services.feeds.schedule import Schedule
from services.metrics import ledger
from services.metrics.forms import Reading
from services.pauses import paused
from services.presence import lost, present
from services.pressure import is_closed
from services.queues import Queues
from services.settings import Settings

_STALE_SECONDS = 6 * 3600.0

# Field of INFO (https://valkey.io/commands/info/) -> metric.
_INFO: dict[str, Reading] = {
    "uptime_in_seconds": metrics.dependencies.broker_uptime,
    "used_memory": metrics.dependencies.broker_memory,
    "maxmemory": metrics.dependencies.broker_memory_max,
    "used_memory_rss": metrics.dependencies.broker_memory_resident,
    "connected_clients": metrics.dependencies.broker_clients,
    "maxclients": metrics.dependencies.broker_clients_max,
    "evicted_keys": metrics.dependencies.broker_evicted,
    "rejected_connections": metrics.dependencies.broker_refused,
    "total_commands_processed": metrics.dependencies.broker_commands,
    "aof_enabled": metrics.dependencies.broker_aof,
    "aof_current_size": metrics.dependencies.broker_aof_bytes,
    "aof_delayed_fsync": metrics.dependencies.broker_aof_delayed,
    "rdb_last_save_time": metrics.dependencies.broker_saved,
}
_INFO_OK: dict[str, Reading] = {
    "aof_last_write_status": metrics.dependencies.broker_aof_ok,
    "rdb_last_bgsave_status": metrics.dependencies.broker_save_ok,
}


class BrokerSide:
    def __init__(self, settings: Settings, client: Redis, queues: Queues) -> None:
        self._settings = settings
        self._client = client
        self._queues = queues
        self._schedule = Schedule(client)
        self._scraping = threading.Lock()
        self._answered_at = 0.0

    def collect(self) -> Iterator[Metric]:
        with self._scraping:  # two scrapers at once ask one after the other
            yield from self._collect()

    def _collect(self) -> Iterator[Metric]:
        started = time.perf_counter()
        asks: tuple[Callable[[], Iterator[Metric]], ...] = (
            self._broker, self._queue_states, self._stage_states, self._workers, self._feeds,
            lambda: ledger.read(self._client),
        )  # fmt: skip
        try:
            found = [family for ask in asks for family in ask()]
        except RedisError:
            yield metrics.dependencies.broker_up.of(0)
        else:
            self._answered_at = time.time()
            yield metrics.dependencies.broker_up.of(1)
            yield from found
        asked = metrics.up.collect_seconds.new()
        asked.add_metric(["broker"], time.perf_counter() - started)
        yield asked
        if self._answered_at:
            answered = metrics.up.collected_at.new()
            answered.add_metric(["broker"], self._answered_at)
            yield answered

    def _broker(self) -> Iterator[Metric]:
        started = time.perf_counter()
        self._client.ping()
        yield metrics.dependencies.broker_ping.of(time.perf_counter() - started)
        info: Any = self._client.info()
        for field, reading in _INFO.items():
            if field in info:
                yield reading.of(float(info[field]))
        for field, reading in _INFO_OK.items():
            if field in info:
                yield reading.of(float(info[field] == "ok"))
        version = metrics.dependencies.broker_info.new()
        version.add_metric([str(info.get("valkey_version") or info.get("redis_version", ""))], 1)
        yield version

    def _queue_states(self) -> Iterator[Metric]:
        readings = [
            (metrics.backlog.queue_messages.new(), "messages"),
            (metrics.backlog.queue_documents.new(), "documents"),
            (metrics.backlog.unacknowledged.new(), "unacknowledged"),
            (metrics.backlog.unacknowledged_documents.new(), "unacknowledged_documents"),
            (metrics.backlog.arriving.new(), "in_rate"),
            (metrics.backlog.leaving.new(), "out_rate"),
        ]
        oldest, drain, length = (
            metrics.fresh.queue_oldest.new(),
            metrics.backlog.queue_drain.new(),
            metrics.celery.queue.new(),
        )
        for state in self._queues.states():
            labels = [state.stage, state.lane.value]
            for family, field in readings:
                family.add_metric(labels, float(getattr(state, field)))
            oldest.add_metric(labels, state.oldest_seconds or 0.0)
            drain.add_metric(labels, math.inf if state.drain_seconds is None else state.drain_seconds)
            length.add_metric([queue_name(state.stage, state.lane)], state.messages)
        yield from (*(family for family, _ in readings), oldest, drain, length)

    def _stage_states(self) -> Iterator[Metric]:
        pauses = paused(self._client)
        held, opened, share = (
            metrics.backlog.stage_paused.new(),
            metrics.failing.breaker_open.new(),
            metrics.failing.breaker_ratio.new(),
        )
        for stage in STAGES:
            by = pauses[stage].by if stage in pauses else None
            for whose in ("operator", "breaker"):
                held.add_metric([stage, whose], float(by == whose))
            opened.add_metric([stage], float(by == "breaker"))
            share.add_metric([stage], failed_share(self._client, stage))
        yield from (held, opened, share)
        yield metrics.backlog.intake_closed.of(float(is_closed(self._client)))
        yield metrics.backlog.high_water.of(self._settings.high_water)
        yield metrics.up.dispatcher_active.of(float(is_dispatching(self._client)))

    def _workers(self) -> Iterator[Metric]:
        there, gone = present(self._client), lost(self._client)
        workers, processes = metrics.up.workers.new(), metrics.up.worker_processes.new()
        celery_workers, consumers = metrics.celery.workers.new(), metrics.celery.consumers.new()
        celery_processes = metrics.celery.processes.new()
        for stage in STAGES:
            for lane in Lane:
                serving = [worker for worker in there if stage in worker.stages and lane in worker.lanes]
                pool = sum(worker.processes for worker in serving)
                workers.add_metric([stage, lane], len(serving))
                processes.add_metric([stage, lane], pool)
                for family in (celery_workers, consumers):
                    family.add_metric([queue_name(stage, lane)], len(serving))
                celery_processes.add_metric([queue_name(stage, lane)], pool)
        up = metrics.celery.worker_up.new()
        for name in sorted(worker.name for worker in there):
            up.add_metric([name], 1)
        for name in gone:
            up.add_metric([name], 0)
        yield from (workers, processes, celery_workers, consumers, celery_processes, up)
        yield metrics.up.workers_lost.of(len(gone))

    def _feeds(self) -> Iterator[Metric]:
        timing, pulses = self._schedule.timing(), list(self._schedule.pulses().values())
        counted = Counter(pulse.status for pulse in pulses)
        states = metrics.intake.feeds.new()
        for status in ("active", "failing", "gone"):
            states.add_metric([status], counted[status])
        yield states
        yield metrics.intake.feeds_late.of(timing.late)
        yield metrics.intake.feeds_late_seconds.of(timing.latest)
        failing = [
            time.time() - pulse.failing_since for pulse in pulses if pulse.failing_since and pulse.status != "gone"
        ]
        yield metrics.intake.feeds_stale.of(sum(seconds >= _STALE_SECONDS for seconds in failing))
        yield metrics.intake.feeds_stale_seconds.of(max(failing, default=0.0))
