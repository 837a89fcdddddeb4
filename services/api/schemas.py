"""What goes in and comes out, as the OpenAPI document tells it. The answers themselves are written by msgspec.

The record is described by the types it is made of (pipeline/artifact.py), so the two cannot disagree.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from pipeline.artifact import Record
from services.admission import Verdict
from services.status import StageState, State

ID = r"^[0-9a-f]{16}-[0-9a-f]{8}$"
NDJSON = "application/x-ndjson"

_ID_EXAMPLE = "e9a99d239544304d-e7467846"
_REF = "#/components/schemas/{name}"

DocumentId = Annotated[str, Field(pattern=ID, description="A document's id.", examples=[_ID_EXAMPLE])]
Stage = Literal["parse", "entities", "sentiment", "topics"]


class SentSegment(BaseModel):
    """A stretch of the text: `start` and `end` in code points, end exclusive; `begins` and `ends` in seconds."""

    start: int = Field(ge=0)
    end: int = Field(ge=0)
    speaker: str | None = None
    begins: float | None = Field(None, ge=0)
    ends: float | None = Field(None, ge=0)
    language: str | None = Field(None, description="ISO 639-1, where it is not the transcript's.")
    confidence: float | None = Field(None, ge=0, le=1, description="How sure a speech recogniser is of the words.")


class Transcript(BaseModel):
    """One transcript. Fields that are not named here are left alone."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "text": "Доброго вечора. У Полтаві відкрили міст через Ворсклу.",
                    "id": "випуск-2026-01-02",
                    "title": "Вечірній випуск",
                    "source": "Радіо Приклад",
                    "date": "2026-01-02T20:30:00+02:00",
                    "speakers": ["Олена Приклад"],
                }
            ]
        }
    )

    text: str
    id: str | None = Field(None, description="What its sender calls it: names the story within the source.")
    title: str | None = None
    date: str | None = Field(None, description="ISO 8601; without a zone it is UTC.")
    source: str | None = None
    language: str | None = Field(None, description="ISO 639-1. Without it, the language is told from the text.")
    url: str | None = None
    speakers: list[str] = []
    segments: list[SentSegment] = []


class Problem(BaseModel):
    """An error, after RFC 9457. Decide by `reason`, read `detail`."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:efir:problem:empty"])
    title: str
    status: int
    detail: str = Field(examples=["there is no text in it"])
    reason: str = Field(examples=["empty"])
    instance: str | None = Field(None, description="The request, as the log names it.")
    retry_after: int | None = Field(None, description="Seconds.")


class Taken(BaseModel):
    """A transcript that nothing can lose now. The id is that of the document that has its text."""

    id: DocumentId
    verdict: Verdict
    status_url: str = Field(examples=[f"/v1/transcripts/{_ID_EXAMPLE}"])


class Refused(BaseModel):
    error: Problem


class Batch(BaseModel):
    """What became of each transcript, in order."""

    results: list[Taken | Refused]


class TakenLine(BaseModel):
    line: int = Field(ge=1)
    id: DocumentId
    verdict: Verdict


class RefusedLine(BaseModel):
    line: int = Field(ge=1)
    error: Problem


class GivenUp(BaseModel):
    """That a stage gave the document up, and why, in a word."""

    stage: str
    reason: str
    at: dt.datetime
    tries: int


class Sighting(BaseModel):
    """Another sender of the same text, or of nearly the same."""

    story: str
    source: str
    title: str
    url: str | None
    guid: str | None
    published: dt.datetime | None
    seen: dt.datetime
    similarity: float


class Status(BaseModel):
    """Where a document is. `is_current`: its record says what today's models say."""

    id: DocumentId
    status: State
    is_current: bool
    day: dt.date = Field(description="The day it lies under: published, or taken in.")
    source: str
    language: str
    title: str
    published: dt.datetime | None
    ingested: dt.datetime
    url: str | None
    predecessor: DocumentId | None
    duplicate_of: DocumentId | None
    stages: dict[str, StageState]
    quarantine: list[GivenUp]
    sightings: list[Sighting] = Field(max_length=20)
    record: Annotated[Any, WithJsonSchema({"anyOf": [{"$ref": _REF.format(name="Record")}, {"type": "null"}]})]


class Found(BaseModel):
    id: DocumentId
    day: dt.date
    source: str
    status: State | StageState


class Page(BaseModel):
    """`next` is the cursor of the next page, null at the end. A page may hold fewer items than asked for, even none."""

    items: list[Found]
    next: str | None


class Removed(BaseModel):
    """`predecessor`: the revision before, which is a document of its own and still there."""

    id: DocumentId
    status: Literal["removed"]
    predecessor: DocumentId | None
    at: dt.datetime


class Health(BaseModel):
    status: Literal["alive"]


class Readiness(BaseModel):
    """Whether documents are taken in now, and what is in the way."""

    status: Literal["ready", "not-ready"]
    broker: Literal["up", "away"]
    store: Literal["up", "away"]
    intake: Literal["open", "busy", "unknown"]


def record_components() -> dict[str, Any]:
    """The schemas of the record and all it is made of, for `components` of the OpenAPI document."""
    _, components = msgspec.json.schema_components([Record], ref_template=_REF)
    return dict(components)
