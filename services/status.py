"""Where a document is on its way: read from the store, where everything that happened to it lies."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from itertools import islice
from typing import Literal

import msgspec

from pipeline.artifact import Record, decode
from pipeline.graph import STAGES
from pipeline.models.bundle import Bundle
from pipeline.sighting import Sighting, sightings
from pipeline.store import ArtifactStore, NotFound, artifact_key, document_key, record_key
from pipeline.transcript import Document, Place
from services.quarantine import Quarantine

State = Literal["waiting", "processing", "recorded", "quarantined", "unsupported-language"]
# Each is a read of its own, and an agency's news has them by the hundred.
_MOST_SIGHTINGS = 20

StageState = Literal["present", "missing", "quarantined"]


class GivenUp(msgspec.Struct, frozen=True):
    """That a stage gave the document up. The traceback is for `efir quarantine show`."""

    stage: str
    reason: str
    at: datetime
    tries: int


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """`is_current`: there is a record, and it says what today's models say. `stages` are those of today's models."""

    id: str
    status: State
    is_current: bool
    day: date
    source: str
    language: str
    title: str
    published: datetime | None
    ingested: datetime
    url: str | None
    predecessor: str | None
    duplicate_of: str | None
    stages: dict[str, StageState]
    quarantine: tuple[GivenUp, ...]
    sightings: tuple[Sighting, ...]  # at most _MOST_SIGHTINGS
    record: msgspec.Raw


def status_of(store: ArtifactStore, bundles: Mapping[str, Bundle], place: Place) -> Status | None:
    """The status of the document at `place`; None when there is none (yet). Raises what the store raises."""
    try:
        document = decode(store.get(document_key(place)), Document, document_key(place))
    except NotFound:
        return None
    data, record = _record(store, place)
    bundle = bundles.get(document.language)
    prints = bundle.fingerprints if bundle is not None else {}
    is_current = record is not None and {name: run.fingerprint for name, run in record.stages.items()} == prints
    quarantine = tuple(
        GivenUp(entry.stage, entry.reason, entry.at, entry.tries) for entry in Quarantine(store).of(place)
    )
    given_up = {entry.stage for entry in quarantine}
    stages: dict[str, StageState] = {}
    for stage in STAGES:
        # The artifacts of a record that is current are there: it was joined from them.
        is_there = is_current or (stage in prints and store.exists(artifact_key(stage, prints[stage], place)))
        stages[stage] = "present" if is_there else "quarantined" if stage in given_up else "missing"
    return Status(
        id=document.id,
        status=state_of(
            is_recorded=record is not None,
            is_given_up=bool(quarantine),
            is_unsupported=bundle is None,
            is_begun="present" in stages.values(),
        ),
        is_current=is_current,
        day=place.day,
        source=document.source,
        language=document.language,
        title=document.title,
        published=document.published,
        ingested=document.ingested,
        url=document.url,
        predecessor=document.predecessor,
        duplicate_of=document.duplicate_of,
        stages=stages,
        quarantine=quarantine,
        sightings=tuple(islice(sightings(store, place), _MOST_SIGHTINGS)),
        record=msgspec.Raw(data),
    )


def state_of(*, is_recorded: bool, is_given_up: bool, is_unsupported: bool, is_begun: bool) -> State:
    """The one word for a document. A record stays what people read, even when a later run was given up."""
    if is_recorded:
        return "recorded"
    if is_given_up:
        return "quarantined"
    if is_unsupported:
        return "unsupported-language"
    return "processing" if is_begun else "waiting"


def _record(store: ArtifactStore, place: Place) -> tuple[bytes, Record | None]:
    key = record_key(place)
    try:
        data = store.get(key)
    except NotFound:
        return b"null", None
    return data, decode(data, Record, key)
