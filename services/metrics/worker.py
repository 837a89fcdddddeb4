"""What a worker's main process says of the worker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from celery.worker.state import active_requests
from prometheus_client.core import Metric

from pipeline.graph import GRAPH
from pipeline.models.bundle import Bundle
from services import metrics
from services.broker import Lane
from services.failures import Kind
from services.intake import Intake
from services.liveness import Liveness


def begin(stages: Iterable[str], lanes: Iterable[Lane]) -> None:
    """Let the counts of what may go wrong begin at 0: of a series that begins at 1, Prometheus sees no increase."""
    for stage in stages:
        for lane in lanes:
            metrics.failing.redeliveries.labels(stage, lane)
            for outcome in ("done", "present", "quarantined", "gone"):
                metrics.speed.documents.labels(stage, lane, outcome)
        for counter in (metrics.failing.batches_split, metrics.failing.handed_back, metrics.failing.breaker_held):
            counter.labels(stage)
        for cause in ("store", "broker"):
            metrics.failing.transient_errors.labels(stage, cause)
        for need in GRAPH[stage].needs:
            metrics.failing.sent_back.labels(stage, need)
        for reason in ("worker-lost", "TooSlow"):
            kind = Kind.FATAL if reason == "worker-lost" else Kind.PERMANENT
            metrics.failing.failures.labels(stage, kind, reason)
    for lane in lanes:
        metrics.fresh.records.labels(lane)


class Worker:
    def __init__(self, name: str, liveness: Liveness, intake: Intake, bundles: Mapping[str, Bundle]) -> None:
        self._name = name
        self._liveness = liveness
        self._intake = intake
        self._bundles = bundles

    def collect(self) -> Iterator[Metric]:
        yield metrics.up.worker_healthy.of(float(self._liveness.is_healthy))
        yield metrics.up.worker_stalled.of(self._liveness.stalled_seconds)
        yield metrics.up.worker_held.of(float(self._intake.held is not None))
        active = metrics.celery.active.new()
        active.add_metric([self._name], len(active_requests))
        models = metrics.versions.model_info.new()
        for language, bundle in self._bundles.items():
            for stage, fingerprint in bundle.fingerprints.items():
                models.add_metric([stage, language, fingerprint], 1)
        yield from (active, models)
