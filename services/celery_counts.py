"""A worker's work under the names that an operator of Celery knows (services/metrics/catalogue/celery.py).

Celery's own events would be a message in the broker for every step of every task; these are counts in memory.
"""

from __future__ import annotations

from services import metrics
from services.broker import TASK, Batch, queue_name


class CeleryCounts:
    def __init__(self, hostname: str) -> None:
        self._hostname = hostname

    def received(self, queue: str) -> None:
        metrics.celery.received.labels(TASK, self._hostname, queue).inc()

    def started(self, batch: Batch) -> None:
        metrics.celery.started.labels(*self._labels(batch)).inc()

    def retried(self, batch: Batch) -> None:
        metrics.celery.retried.labels(*self._labels(batch)).inc()

    def rejected(self, batch: Batch) -> None:
        metrics.celery.rejected.labels(*self._labels(batch)).inc()

    def revoked(self, batch: Batch) -> None:
        metrics.celery.revoked.labels(*self._labels(batch)).inc()

    def ended(self, batch: Batch, seconds: float, reason: str | None) -> None:
        """`reason`: that of the first document that was given up; None when none was."""
        if reason is None:
            metrics.celery.succeeded.labels(*self._labels(batch)).inc()
        else:
            name, hostname, queue = self._labels(batch)
            metrics.celery.failed.labels(name, hostname, reason, queue).inc()
        metrics.celery.runtime.labels(*self._labels(batch)).observe(seconds)

    def _labels(self, batch: Batch) -> tuple[str, str, str]:
        return TASK, self._hostname, queue_name(batch.stage, batch.lane)


def node_of(hostname: str) -> str:
    """`worker-1` of Celery's `efir@worker-1`."""
    return hostname.rpartition("@")[2]
