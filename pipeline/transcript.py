"""The input type of the whole pipeline, and the identity of what it becomes.

A `Transcript` is what a reader yields. Admission turns it into a `Document`: the same content with an id, a date
and a place in the store. Both are immutable; a corrected article is a new `Document` that names its predecessor.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from datetime import UTC, date, datetime
from typing import Literal, NamedTuple

import msgspec

_UNSAFE = re.compile(r"[^a-z0-9._-]+")
_ID = re.compile(r"[0-9a-f]{16}-[0-9a-f]{8}")


class Segment(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stretch of the text said by one speaker: `text[start:end]`, in Unicode code points."""

    start: int
    end: int
    speaker: str | None = None


class Transcript(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a reader yields: the text as it will be kept, and what its sender says about it."""

    text: str
    title: str = ""
    source: str = "local"
    language: str | None = None
    published: datetime | None = None
    url: str | None = None
    guid: str | None = None
    speakers: tuple[str, ...] = ()
    segments: tuple[Segment, ...] = ()


class Document(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An admitted transcript. Lives in the store under `documents/`, never changes."""

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


def document_id(transcript: Transcript) -> str:
    """`{story}-{revision}`: 16 hex digits that stay the same for a story, 8 that change with its text.

    A story is named by its sender's guid, else by its URL, else by its text, always within its source.
    """
    name = transcript.guid or transcript.url or transcript.text
    story = hashlib.sha256(f"{source_slug(transcript.source)}\n{name}".encode()).hexdigest()[:16]
    revision = hashlib.sha256(transcript.text.encode()).hexdigest()[:8]
    return f"{story}-{revision}"


def is_document_id(text: str) -> bool:
    return bool(_ID.fullmatch(text))


def story_of(document_id: str) -> str:
    """The part of an id that all revisions of a story share."""
    return document_id.partition("-")[0]


def place_of(document: Document) -> Place:
    """A document lies under the day it was published, or admitted when nobody said when it was published."""
    day = document.published or document.ingested
    return Place(day.astimezone(UTC).date(), document.source, document.id)
