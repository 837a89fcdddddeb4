"""The artifact store of the settings, its operations counted."""

from __future__ import annotations

from pipeline.store import ArtifactStore, Operation
from services import metrics
from services.settings import Settings


def connect_store(settings: Settings) -> ArtifactStore:
    assert settings.store_endpoint is not None
    store = ArtifactStore.connect(
        settings.store_endpoint,
        settings.store_bucket,
        settings.store_access_key.get_secret_value(),
        settings.store_secret_key.get_secret_value(),
        region=settings.store_region,
        timeout=settings.store_timeout,
        connections=settings.store_connections + settings.admission_connections,
    )
    store.observer = _count
    return store


def _count(operation: Operation) -> None:
    metrics.dependencies.store_seconds.labels(operation.name).observe(operation.seconds)
    if operation.outcome in {"unavailable", "refused"}:
        metrics.dependencies.store_errors.labels(operation.name, operation.outcome, operation.code).inc()
    if operation.written:
        metrics.cost.written_bytes.labels(operation.folder).inc(operation.written)
    if operation.read:
        metrics.cost.read_bytes.labels(operation.folder).inc(operation.read)
