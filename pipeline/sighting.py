"""Where else a document's text was seen: senders that had the same text, or nearly the same, after the first one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

import msgspec

from pipeline.artifact import decode, encode
from pipeline.store import ArtifactStore, sighting_key
from pipeline.transcript import Document, Place, story_of


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """Lies under `sightings/{place}/{story}.json`. `similarity` is 1 for the same text."""

    schema: Literal["efir.sighting/1"] = "efir.sighting/1"
    story: str
    source: str
    title: str
    url: str | None
    guid: str | None
    published: datetime | None
    seen: datetime
    similarity: float


def see(store: ArtifactStore, place: Place, again: Document, similarity: float) -> None:
    """Note that `again` was sent, whose text is that of the document at `place`. Noted once for each story."""
    sighting = Sighting(
        story=story_of(again.id),
        source=again.source,
        title=again.title,
        url=again.url,
        guid=again.guid,
        published=again.published,
        seen=again.ingested,
        similarity=round(similarity, 3),
    )
    store.create(sighting_key(place, sighting.story), encode(sighting))


def sightings(store: ArtifactStore, place: Place) -> Iterator[Sighting]:
    """Everywhere else the text of the document at `place` was seen."""
    for key in store.list(f"sightings/{place.path}/"):
        yield decode(store.get(key), Sighting, key)
