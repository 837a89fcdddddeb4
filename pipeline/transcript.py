"""The input type of the whole pipeline, and the identity of what it becomes.

A `Transcript` is what a reader yields. Admission turns it into a `Document`: the same content with an id, a date
and a place in the store. Both are immutable; a corrected article is a new `Document` that names its predecessor.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Literal, NamedTuple

import msgspec

_UNSAFE = re.compile(r"[^a-z0-9._-]+")
_ID = re.compile(r"[0-9a-f]{16}-[0-9a-f]{8}")


class Segment(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stretch of the text, `text[start:end]` in Unicode code points: who says it, when, and in which language.

    Segments of a text are in order and do not overlap; what lies between them (blank lines) belongs to none.
    """

    start: int
    end: int
    speaker: str | None = None
    begins: float | None = None  # seconds into the recording
    ends: float | None = None
    language: str | None = None  # ISO 639-1, where it is not the document's
    confidence: float | None = None  # 0..1, how sure the speech recogniser is of these words


def segment_at(segments: Sequence[Segment], offset: int) -> int | None:
    """The index of the segment that holds the code point at `offset`."""
    index = bisect_right(segments, offset, key=lambda segment: segment.start) - 1
    return index if index >= 0 and offset < segments[index].end else None


def turns(segments: Sequence[Segment]) -> list[int]:
    """Where somebody else begins to speak, or somebody goes on in another language: offsets, ascending."""
    return [
        offset
        for before, after in pairwise(segments)
        if (before.speaker, before.language) != (after.speaker, after.language)
        for offset in sorted({before.end, after.start})
    ]


class Transcript(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a reader yields: the text, and what its sender says about it.

    `format` is the name of the reader that made it ("srt", "html"); `guid` and `url` name the story at its sender.
    """

    text: str
    format: str = ""
    title: str = ""
    source: str = "local"
    language: str | None = None
    published: datetime | None = None
    url: str | None = None
    guid: str | None = None
    speakers: tuple[str, ...] = ()
    segments: tuple[Segment, ...] = ()


class Document(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An admitted transcript. Lives in the store under `documents/`, never changes.

    `duplicate_of` is the id of an earlier document with nearly the same text, `similarity` how much of it the two share
    (0..1), `cluster` the id of the first document of the chain.
    """

    schema: Literal["efir.document/1"] = "efir.document/1"
    id: str
    source: str
    language: str
    title: str = ""
    published: datetime | None = None
    ingested: datetime
    url: str | None = None
    guid: str | None = None
    predecessor: str | None = None
    format: str = ""
    duplicate_of: str | None = None
    cluster: str | None = None
    similarity: float | None = None
    speakers: tuple[str, ...] = ()
    segments: tuple[Segment, ...] = ()
    text: str


class Place(NamedTuple):
    """Where everything about one document lies: the middle of every one of its keys in the store."""

    day: date
    source: str
    id: str

    @property
    def path(self) -> str:
        return f"{self.day:%Y/%m/%d}/{self.source}/{self.id}"

    @classmethod
    def parse(cls, path: str) -> Place:
        """Read `yyyy/mm/dd/source/id`. Raises ValueError when the path is not of that form."""
        parts = path.split("/")
        if len(parts) != 5:
            raise ValueError(f"not a document's place: {path!r} (expected yyyy/mm/dd/source/id)")
        year, month, day, source, document_id = parts
        return cls(date(int(year), int(month), int(day)), source, document_id)


def source_slug(name: str) -> str:
    """Make a source's name safe as one part of a key: lower case, letters, digits and `._-`.

    A name that is not plain ASCII keeps a digest, so that two sources never share a folder.
    """
    folded = unicodedata.normalize("NFKC", name).strip().lower()
    slug = _UNSAFE.sub("-", folded).strip("-.")[:60]
    if slug == folded and slug:
        return slug
    digest = hashlib.sha256(folded.encode()).hexdigest()[:6]
    return f"{slug}-{digest}" if slug else f"source-{digest}"


def text_digest(text: str) -> str:
    """SHA-256, in hex, of a text: two texts that differ in spaces or in how letters are composed have the same."""
    return hashlib.sha256(" ".join(unicodedata.normalize("NFC", text).split()).encode()).hexdigest()


def document_id(transcript: Transcript, digest: str) -> str:
    """`{story}-{revision}`: 16 hex digits that stay the same for a story, and the first 8 of `digest`, the text's.

    A story is named by its sender's guid, else by its URL, else by its text, always within its source.
    """
    name = transcript.guid or transcript.url or digest
    story = hashlib.sha256(f"{source_slug(transcript.source)}\n{name}".encode()).hexdigest()[:16]
    return f"{story}-{digest[:8]}"


def is_document_id(text: str) -> bool:
    return bool(_ID.fullmatch(text))


def story_of(document_id: str) -> str:
    """The part of an id that all revisions of a story share."""
    return document_id.partition("-")[0]


def revision_of(document_id: str) -> str:
    """The part of an id that tells the text: the first 8 digits of its digest."""
    return document_id.partition("-")[2]


def place_of(document: Document) -> Place:
    """A document lies under the day it was published, or admitted when nobody said when it was published."""
    day = document.published or document.ingested
    return Place(day.astimezone(UTC).date(), document.source, document.id)
