"""Documents that cannot be processed: kept in the store beside the rest, each with the reason.

An entry lies under `quarantine/{stage}/`. It goes when the stage has succeeded after all, when the document is admitted
again, or when somebody drops it. While a document is replayed its entry stays, so that it is never nowhere.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Literal

import msgspec

from pipeline.artifact import decode, encode
from pipeline.failure import Failure
from pipeline.graph import STAGES
from pipeline.store import ArtifactStore, NotFound, quarantine_key
from pipeline.transcript import Place
from services.batching import batches
from services.broker import Batch, Lane
from services.failures import Kind
from services.queues import Queues

# How long these documents are is not known here, and some are here for being long.
_REPLAYED_TOGETHER = 8


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """`reason` groups entries (an exception's name, or one of Efir's own); `error` says it to people.

    `deliveries` is how often the message was delivered before the document was given up, `tries` how often it was given
    up, all replays included.
    """

    schema: Literal["efir.quarantine/1"] = "efir.quarantine/1"
    document: str
    place: str
    stage: str
    kind: Kind = Kind.PERMANENT
    reason: str = ""
    error: str
    traceback: str
    deliveries: int
    tries: int = 1
    at: datetime


class Quarantine:
    def __init__(self, store: ArtifactStore) -> None:
        self._store = store

    def put(self, stage: str, failure: Failure, kind: Kind = Kind.PERMANENT, deliveries: int = 1) -> Entry:
        before = self._get(quarantine_key(stage, failure.place))
        entry = Entry(
            document=failure.place.id,
            place=failure.place.path,
            stage=stage,
            kind=kind,
            reason=failure.reason,
            error=failure.error,
            traceback=failure.traceback,
            deliveries=deliveries,
            tries=before.tries + 1 if before else 1,
            at=datetime.now(UTC),
        )
        self._store.replace(quarantine_key(stage, failure.place), encode(entry))
        return entry

    def find(self, place: Place) -> Entry | None:
        """The entry of the earliest stage that gave the document up, if any did."""
        return next(iter(self.of(place)), None)

    def of(self, place: Place) -> list[Entry]:
        """All entries of a document, in the order of the stages."""
        found = (self._get(quarantine_key(stage, place)) for stage in STAGES)
        return [entry for entry in found if entry is not None]

    def entries(self, stages: Sequence[str] = STAGES, reason: str | None = None) -> Iterator[Entry]:
        """All entries, streamed, stage by stage."""
        for stage in stages:
            for key in self._store.list(f"quarantine/{stage}/"):
                entry = self._get(key)  # None when it went while the listing was read
                if entry is not None and reason in {None, entry.reason}:
                    yield entry

    def drop(self, places: Sequence[Place], stages: Sequence[str] = STAGES) -> None:
        """Remove the entries of `places` at `stages`, where there are any."""
        self._store.delete_all(quarantine_key(stage, place) for stage in stages for place in places)

    def _get(self, key: str) -> Entry | None:
        try:
            return decode(self._store.get(key), Entry, key)
        except NotFound:
            return None


def replay(entries: Iterable[Entry], queues: Queues) -> int:
    """Try the entries' stages again, in the replay lane; returns how many documents were enqueued.

    The entries stay until the stage has succeeded: a replay that gets lost loses nobody.
    """
    count = 0
    for stage, those in groupby(entries, lambda entry: entry.stage):
        # A document that kills its worker is alone in its message, so that it takes nobody along again.
        for kind, alike in groupby(those, lambda entry: entry.kind):
            most = _REPLAYED_TOGETHER if kind is Kind.PERMANENT else 1
            for places in batches(((entry.place, 0) for entry in alike), most, 1):
                queues.publish(Batch(stage=stage, lane=Lane.REPLAY, documents=places, admitted=time.time()))
                count += len(places)
    return count
