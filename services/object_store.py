"""The artifact store of the settings."""

from __future__ import annotations

from pipeline.store import ArtifactStore
from services.settings import Settings


def connect_store(settings: Settings) -> ArtifactStore:
    assert settings.store_endpoint is not None
    return ArtifactStore.connect(
        settings.store_endpoint,
        settings.store_bucket,
        settings.store_access_key.get_secret_value(),
        settings.store_secret_key.get_secret_value(),
        region=settings.store_region,
        timeout=settings.store_timeout,
        connections=settings.store_connections,
    )
