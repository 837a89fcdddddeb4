"""One look at an installation: queues, workers, and what lies in the store."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from redis import Redis

from pipeline.store import ArtifactStore
from services.presence import Presence, present
from services.queues import depths


class Overview(msgspec.Struct, frozen=True):
    queues: dict[str, int]  # queue name -> messages waiting
    unacknowledged: int
    workers: tuple[Presence, ...]
    documents: int
    records: int
    quarantined: int
    unsupported: dict[str, int]  # language -> documents that wait for a bundle of it


def overview(client: Redis, store: ArtifactStore, bundles: Collection[str]) -> Overview:
    """Counts what is in the store by listing it: the time grows with the number of documents."""
    return Overview(
        queues=depths(client),
        unacknowledged=int(client.hlen("unacked")),
        workers=tuple(present(client)),
        documents=sum(1 for _ in store.list("documents/")),
        records=sum(1 for _ in store.list("records/")),
        quarantined=sum(1 for _ in store.list("quarantine/")),
        unsupported={
            language: sum(1 for _ in store.list(f"unsupported/{language}/"))
            for language in store.folders("unsupported/")
            if language not in bundles
        },
    )
