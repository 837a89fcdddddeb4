"""Documents that cannot be processed: kept in the store beside the rest, each with the reason.

An entry lies under `quarantine/{stage}/`. Admitting the document again drops its entries and tries anew.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import msgspec

from pipeline.artifact import decode, encode
from pipeline.graph import STAGES
from pipeline.store import ArtifactStore, NotFound, quarantine_key
from pipeline.transcript import Place


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    schema: Literal["efir.quarantine/1"] = "efir.quarantine/1"
    document: str
    place: str
    stage: str
    error: str
    traceback: str
    deliveries: int
    at: datetime


class Quarantine:
    def __init__(self, store: ArtifactStore) -> None:
        self._store = store

    def put(self, place: Place, stage: str, error: str, traceback: str, deliveries: int) -> Entry:
        entry = Entry(
            document=place.id,
            place=place.path,
            stage=stage,
            error=error,
            traceback=traceback,
            deliveries=deliveries,
            at=datetime.now(UTC),
        )
        self._store.replace(quarantine_key(stage, place), encode(entry))
        return entry

    def find(self, place: Place) -> Entry | None:
        """The entry of the earliest stage that gave the document up, if any did."""
        for stage in STAGES:
            key = quarantine_key(stage, place)
            try:
                return decode(self._store.get(key), Entry, key)
            except NotFound:
                continue
        return None

    def drop(self, place: Place) -> None:
        for stage in STAGES:
            self._store.delete(quarantine_key(stage, place))
