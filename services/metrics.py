"""Every metric of the system, defined once. Served by each worker on its metrics address.

Prometheus conventions: base units, `_total` for counters, and no label whose values grow with the data: never a
document's id, a source's name or a URL.

A worker is several processes (prefork). Each writes its values to a memory-mapped file in PROMETHEUS_MULTIPROC_DIR, and
the parent adds them up when it is asked (services/metrics_folder.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import prometheus_client
from billiard.process import current_process
from prometheus_client import CollectorRegistry, Counter, Histogram, multiprocess, start_http_server, values
from prometheus_client.core import GaugeMetricFamily, Metric
from redis import Redis
from redis.exceptions import RedisError

from services.broker import queue_names

# The four steps of kombu's priorities are lists of their own; Efir uses the first, an operator may use the others.
_PRIORITIES = ("", "\x06\x163", "\x06\x166", "\x06\x169")


def _slot() -> str:
    """Which file a process writes to: its place in the pool, so that restarted children reuse their files.

    Named by process id, as is the default, the files of children that died would pile up for ever.
    """
    return f"pool{getattr(current_process(), 'index', 0)}" if current_process()._name != "MainProcess" else "main"


if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
    values.ValueClass = values.MultiProcessValue(process_identifier=_slot)  # type: ignore[no-untyped-call]

SECONDS = (0.005, 0.02, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)

documents = Counter(
    "efir_documents",
    "Documents a stage was asked for, by what became of them: done, present (the artifact was there already), "
    "quarantined.",
    ["stage", "lane", "outcome"],
)
stage_seconds = Histogram(
    "efir_stage_seconds", "Time a stage took to compute one batch, store access left out.", ["stage"], buckets=SECONDS
)
task_seconds = Histogram(
    "efir_task_seconds", "Time from taking a message to being done with it.", ["stage", "lane"], buckets=SECONDS
)
batch_documents = Histogram(
    "efir_batch_documents", "Documents in one message.", ["stage"], buckets=(1, 2, 4, 8, 12, 16, 24, 32, 64)
)
tokens = Counter("efir_tokens", "Tokens of the documents a stage has done.", ["stage"])
records = Counter("efir_records", "Records written.", ["lane"])
record_age_seconds = Histogram(
    "efir_record_age_seconds",
    "Time from a document's admission to its record.",
    ["lane"],
    buckets=(0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600, 4 * 3600, 24 * 3600),
)
redeliveries = Counter(
    "efir_redeliveries", "Messages that came again because whoever had them was lost.", ["stage", "lane"]
)
transient_errors = Counter(
    "efir_transient_errors", "Times a batch had to wait and try again, by what was missing.", ["stage", "cause"]
)
store_seconds = Histogram(
    "efir_store_operation_seconds", "Time of one store operation.", ["operation"], buckets=SECONDS
)
store_errors = Counter(
    "efir_store_errors",
    "Store operations that failed: unavailable (will pass) or refused (will not).",
    ["operation", "kind"],
)


def observe_store(operation: str, seconds: float, outcome: str) -> None:
    """The store's observer."""
    store_seconds.labels(operation).observe(seconds)
    if outcome in {"unavailable", "refused"}:
        store_errors.labels(operation, outcome).inc()


class QueueDepth:
    """Asks the broker when it is scraped; says nothing while the broker does not answer."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    def collect(self) -> Iterator[Metric]:
        ready = GaugeMetricFamily("efir_queue_messages", "Messages waiting in a queue.", labels=["stage", "lane"])
        unacknowledged = GaugeMetricFamily("efir_unacknowledged_messages", "Messages in the hands of all workers.")
        try:
            for name, depth in depths(self._client).items():
                ready.add_metric(name.split("."), depth)
            unacknowledged.add_metric([], self._client.hlen("unacked"))
        except RedisError:
            return
        yield ready
        yield unacknowledged


def depths(client: Redis) -> dict[str, int]:
    """Queue name -> messages waiting in it."""
    pipe: Any = client.pipeline(transaction=False)
    names = queue_names()
    for name in names:
        for priority in _PRIORITIES:
            pipe.llen(name + priority)
    lengths: list[int] = pipe.execute()
    width = len(_PRIORITIES)
    return {name: sum(lengths[at * width : (at + 1) * width]) for at, name in enumerate(names)}


def serve(host: str, port: int, client: Redis) -> str:
    """Serve all processes' metrics of this worker; returns the address."""
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(QueueDepth(client))
    registry.register(prometheus_client.ProcessCollector(registry=None))
    server, _ = start_http_server(port, addr=host, registry=registry)
    return f"http://{host}:{server.server_port}/metrics"
