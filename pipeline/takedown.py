"""Taking a document down: nothing of it remains but its id, and nothing brings it back.

The removal is written first, and names the place, so that it can be finished by whoever finds it, whatever is gone
already. Then the claims say "removed" (pipeline/identity.py), which closes admission; then the document goes, which
stops the stages; then all that was made of it. A stage that had read the document before may write its artifact after
that: whoever comes next in its way finds the document gone, and removes what there is once more (`sweep`). So whichever
comes first, and wherever anybody dies, the end is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

import msgspec

from pipeline.artifact import decode, encode
from pipeline.graph import STAGES
from pipeline.identity import Claims, place_of_id
from pipeline.store import (
    ArtifactStore,
    NotFound,
    artifact_key,
    conllu_key,
    document_key,
    quarantine_key,
    record_key,
    removal_key,
    unsupported_key,
)
from pipeline.transcript import Document, Place


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """Lies under `removals/` for ever. `by` is the id of the key, or who else asked; `finished` is None until it is.

    `predecessor` is the revision of the same story before this one: a document of its own, with a takedown of its own.
    """

    schema: Literal["efir.removal/1"] = "efir.removal/1"
    document: str
    place: str
    predecessor: str | None
    by: str
    at: datetime
    finished: datetime | None = None


def take_down(store: ArtifactStore, document_id: str, by: str) -> Removal | None:
    """Remove a document, or finish removing it; None when there is none. Raises StoreUnavailable or StoreRefused.

    Can be called again after whatever happened, and then says what it said the first time.
    """
    removal = removal_of(store, document_id)
    if removal is not None and removal.finished is not None:
        return removal
    place = Place.parse(removal.place) if removal is not None else place_of_id(store, document_id)
    document = _document(store, place) if place is not None else None
    if removal is None:
        if place is None or document is None:
            return None
        removal = Removal(
            document=document_id, place=place.path, predecessor=document.predecessor, by=by, at=datetime.now(UTC)
        )
        store.replace(removal_key(document_id), encode(removal))
    assert place is not None
    if document is not None:
        Claims(store).remove(place, document.text)
        store.delete(document_key(place))
    sweep(store, place)
    removal = msgspec.structs.replace(removal, finished=datetime.now(UTC))
    store.replace(removal_key(document_id), encode(removal))
    return removal


def sweep(store: ArtifactStore, place: Place) -> None:
    """Remove everything that was made of the document at `place`."""
    store.delete_all(_derived(store, place))


def removal_of(store: ArtifactStore, document_id: str) -> Removal | None:
    """The removal of a document, finished or not; None when nobody took it down."""
    key = removal_key(document_id)
    try:
        return decode(store.get(key), Removal, key)
    except NotFound:
        return None


def unfinished(store: ArtifactStore) -> Iterator[Removal]:
    """Removals that somebody began and did not finish."""
    for key in store.list("removals/"):
        try:
            removal = decode(store.get(key), Removal, key)
        except NotFound:
            continue
        if removal.finished is None:
            yield removal


def _document(store: ArtifactStore, place: Place) -> Document | None:
    key = document_key(place)
    try:
        return decode(store.get(key), Document, key)
    except NotFound:
        return None


def _derived(store: ArtifactStore, place: Place) -> Iterator[str]:
    """Every key that anything made of a document may have: fingerprints and languages are folders, and few."""
    yield record_key(place)
    for stage in STAGES:
        yield quarantine_key(stage, place)
        for fingerprint in store.folders(f"{stage}/"):
            yield artifact_key(stage, fingerprint, place)
            if stage == "parse":
                yield conllu_key(fingerprint, place)
    for language in store.folders("unsupported/"):
        yield unsupported_key(language, place)
    yield from store.list(f"sightings/{place.path}/")
