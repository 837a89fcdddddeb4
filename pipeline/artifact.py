"""The artifacts: what each stage says about one document, and the record that joins them.

One place defines the types and turns them into bytes and back. JSON by msgspec, UTF-8, keys in the order of the
fields. A reader of a stored artifact checks `schema` before anything else. All offsets are Unicode code points into
the document's `text`. docs/data-format.md explains every field for the people who read them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

import msgspec

from pipeline.transcript import Segment

Polarity = Literal["negative", "neutral", "positive"]


class Word(msgspec.Struct, frozen=True, array_like=True):
    """A syntactic word. `form` is the plain form the models read; `text[start:end]` is what the document says."""

    form: str
    lemma: str
    upos: str
    xpos: str
    feats: str
    head: int  # 1-based index of the head within the sentence, 0 for the root
    deprel: str
    start: int
    end: int


class MultiWord(msgspec.Struct, frozen=True, array_like=True):
    """A token that stands for the words `first`..`last` (1-based, inclusive) of its sentence."""

    first: int
    last: int
    form: str
    start: int
    end: int


class ParsedSentence(msgspec.Struct, frozen=True, omit_defaults=True):
    """`text[start:end]` and its words, in order."""

    start: int
    end: int
    words: tuple[Word, ...]
    multiwords: tuple[MultiWord, ...] = ()

    @property
    def forms(self) -> tuple[str, ...]:
        return tuple(word.form for word in self.words)


class Parse(msgspec.Struct, frozen=True):
    """Sentences, words, tags, lemmas and trees of a document."""

    sentences: tuple[ParsedSentence, ...]

    @property
    def token_count(self) -> int:
        """Tokens as readers count them: a multi-word token is one."""
        return sum(len(s.words) - sum(m.last - m.first for m in s.multiwords) for s in self.sentences)


class Mention(msgspec.Struct, frozen=True):
    """One place where the document names an entity: `document.text[start:end] == text`."""

    start: int
    end: int
    text: str
    sentence: int  # 0-based index into the parse's sentences


class Entity(msgspec.Struct, frozen=True):
    """All mentions of one thing in one document. `id` is unique within the document only."""

    id: str
    type: str
    name: str  # canonical: the nominative form
    mentions: tuple[Mention, ...]


class Entities(msgspec.Struct, frozen=True):
    """The entities of a document in the order of their first mention."""

    entities: tuple[Entity, ...]


class Tone(msgspec.Struct, frozen=True):
    """A label and a score from -1 (negative) to 1 (positive): P(positive) - P(negative)."""

    label: Polarity
    score: float


class Sentiment(msgspec.Struct, frozen=True):
    """The tone of every sentence of the parse, in order, and of the document: their mean weighted by length."""

    document: Tone
    sentences: tuple[Tone, ...]


class Topic(msgspec.Struct, frozen=True):
    """An IPTC Media Topic (https://iptc.org/standards/media-topics/) with a confidence from 0 to 1."""

    id: str
    name: str
    confidence: float

    @property
    def is_top_level(self) -> bool:
        return self.id.endswith("000000")


class Topics(msgspec.Struct, frozen=True):
    """What a document is about, best first."""

    topics: tuple[Topic, ...]


Content = Parse | Entities | Sentiment | Topics
CONTENT: dict[str, type[Parse] | type[Entities] | type[Sentiment] | type[Topics]] = {
    "parse": Parse,
    "entities": Entities,
    "sentiment": Sentiment,
    "topics": Topics,
}
Body = TypeVar("Body", bound=Content)


class Artifact(msgspec.Struct, Generic[Body], frozen=True, kw_only=True):
    """What lies under a stage's key: the content, whose it is, which version of which stage made it, its cost.

    `seconds` is the document's share, by length, of the time its batch took to compute (store access left out).
    """

    schema: str
    document: str
    stage: str
    fingerprint: str
    seconds: float
    content: Body


class StageRun(msgspec.Struct, frozen=True):
    """Which artifact of which version of a stage a record was joined from."""

    fingerprint: str
    artifact: str
    seconds: float


class RecordSentence(msgspec.Struct, frozen=True):
    """`segment` is the 0-based index of the segment it was said in: who said it, and when. None when nobody knows."""

    start: int
    end: int
    sentiment: Polarity
    score: float
    segment: int | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The joined result that people read, one per document, under `records/`."""

    schema: Literal["efir.record/1"] = "efir.record/1"
    id: str
    source: str
    title: str
    language: str
    published: datetime | None
    ingested: datetime
    url: str | None
    predecessor: str | None
    format: str = ""
    duplicate_of: str | None = None
    cluster: str | None = None
    similarity: float | None = None
    speakers: tuple[str, ...]
    segments: tuple[Segment, ...]
    text: str
    tokens: int
    stages: dict[str, StageRun]
    sentences: tuple[RecordSentence, ...]
    entities: tuple[Entity, ...]
    sentiment: Tone
    topics: tuple[Topic, ...]


Stored = TypeVar("Stored", bound=msgspec.Struct)
_encoder = msgspec.json.Encoder()


class UnreadableArtifact(ValueError):
    """The bytes under a key are not what the key promises: another schema, or torn."""


def encode(thing: msgspec.Struct) -> bytes:
    return _encoder.encode(thing)


def decode(data: bytes, kind: type[Stored], key: str) -> Stored:
    """Read what `encode` wrote. Raises UnreadableArtifact naming `key` when the bytes are not a `kind`."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreadableArtifact(f"{key}: not a readable {kind.__name__}: {error}") from error


def schema_of(stage: str) -> str:
    return f"efir.{stage}/1"


def decode_artifact(data: bytes, stage: str, key: str) -> Artifact[Any]:
    """Read the artifact of `stage` that lies under `key`. Raises UnreadableArtifact when it is another thing."""
    kind: Any = Artifact
    artifact: Artifact[Any] = decode(data, kind[CONTENT[stage]], key)
    if artifact.schema != schema_of(stage):
        raise UnreadableArtifact(f"{key}: schema {artifact.schema!r}, expected {schema_of(stage)!r}")
    return artifact


def record_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a record, as published in docs/schemas/."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Record)}


if __name__ == "__main__":
    import json

    print(json.dumps(record_schema(), indent=1, ensure_ascii=False))
