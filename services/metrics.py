"""Every metric of the system, defined once. Served by each worker on its metrics address.

Prometheus conventions: base units, `_total` for counters, and no label whose values grow with the data: never a
document's id, a source's name or a URL.

A worker is several processes (prefork). Each writes its values to a memory-mapped file in PROMETHEUS_MULTIPROC_DIR, and
the parent adds them up when it is asked (services/metrics_folder.py).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import prometheus_client
from billiard.process import current_process
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app, multiprocess, values
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import ThreadingWSGIServer
from redis.exceptions import RedisError

from services.liveness import Liveness
from services.queues import Queues


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
waiting = Gauge(
    "efir_waiting_processes",
    "Processes that hold documents and wait for the store or the broker, now.",
    ["cause"],
    multiprocess_mode="sum",
)
breaker_held = Counter(
    "efir_breaker_held_documents",
    "Documents that failed while the circuit breaker was open, and went back to their queue instead of quarantine.",
    ["stage"],
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


class QueueStates:
    """Asks the broker when it is scraped; says nothing while the broker does not answer."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues

    def collect(self) -> Iterator[Metric]:
        labels = ["stage", "lane"]
        messages = GaugeMetricFamily("efir_queue_messages", "Messages waiting in a queue.", labels=labels)
        documents = GaugeMetricFamily(
            "efir_queue_documents", "Documents waiting in a queue, told from a sample of its messages.", labels=labels
        )
        held = GaugeMetricFamily("efir_unacknowledged_messages", "Messages in the hands of workers.", labels=labels)
        oldest = GaugeMetricFamily(
            "efir_queue_oldest_seconds", "Age of the oldest message, waiting or in hand; 0 with none.", labels=labels
        )
        pauses = GaugeMetricFamily(
            "efir_stage_paused", "1 while a stage is paused, by the operator or the breaker.", labels=["stage", "by"]
        )
        try:
            states = self._queues.states()
        except RedisError:
            return
        for state in states:
            values = [state.stage, state.lane.value]
            messages.add_metric(values, state.messages)
            documents.add_metric(values, state.documents)
            held.add_metric(values, state.unacknowledged)
            oldest.add_metric(values, state.oldest_seconds or 0.0)
        for stage in dict.fromkeys(state.stage for state in states):
            pause = next(state.paused for state in states if state.stage == stage)
            for by in ("operator", "breaker"):
                pauses.add_metric([stage, by], float(pause is not None and pause.by == by))
        yield from (messages, documents, held, oldest, pauses)


class Progress:
    """Whether this worker makes progress."""

    def __init__(self, liveness: Liveness) -> None:
        self._liveness = liveness

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "efir_worker_healthy",
            "0 when the worker had work and finished nothing for EFIR_PROGRESS_SECONDS.",
            float(self._liveness.is_healthy),
        )
        yield GaugeMetricFamily(
            "efir_worker_stalled_seconds",
            "Time since the worker finished a message or knew that there was nothing to do.",
            self._liveness.stalled_seconds,
        )


def serve(host: str, port: int, queues: Queues, liveness: Liveness) -> str:
    """Serve all processes' metrics of this worker, and /healthz; returns the address of the metrics."""
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(QueueStates(queues))
    registry.register(Progress(liveness))
    registry.register(prometheus_client.ProcessCollector(registry=None))
    metrics_app: Any = make_wsgi_app(registry)

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] != "/healthz":
            return metrics_app(environ, start_response)
        status = "200 OK" if liveness.is_healthy else "503 Service Unavailable"
        said = f"{liveness.stalled_seconds:.0f} s without progress, {liveness.limit:.0f} s are allowed\n"
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [said.encode()]

    server = make_server(host, port, app, ThreadingWSGIServer, handler_class=_Silent)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return f"http://{host}:{server.server_port}/metrics"


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """A scrape every few seconds is nothing to log."""
