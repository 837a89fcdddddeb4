"""The record: a document and everything the stages said about it, joined into what people read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.artifact import Artifact, Record, RecordSentence, StageRun, decode
from pipeline.graph import STAGES
from pipeline.models.bundle import Bundle
from pipeline.store import ArtifactStore, NotFound, artifact_key, record_key
from pipeline.transcript import Document, Place, segment_at


def join(document: Document, place: Place, artifacts: Mapping[str, Artifact[Any]]) -> Record:
    """Join the current artifacts of all stages. The same artifacts always give the same record.

    `place` is the one the document was given when its id was claimed; a later sender may have named another date.
    """
    parse, sentiment = artifacts["parse"].content, artifacts["sentiment"].content
    return Record(
        id=document.id,
        source=document.source,
        title=document.title,
        language=document.language,
        published=document.published,
        ingested=document.ingested,
        url=document.url,
        predecessor=document.predecessor,
        format=document.format,
        duplicate_of=document.duplicate_of,
        cluster=document.cluster,
        similarity=document.similarity,
        speakers=document.speakers,
        segments=document.segments,
        text=document.text,
        tokens=parse.token_count,
        stages={
            stage: StageRun(
                artifacts[stage].fingerprint,
                artifact_key(stage, artifacts[stage].fingerprint, place),
                artifacts[stage].seconds,
            )
            for stage in STAGES
        },
        sentences=tuple(
            RecordSentence(
                sentence.start,
                sentence.end,
                tone.label,
                tone.score,
                segment_at(document.segments, sentence.start),
            )
            for sentence, tone in zip(parse.sentences, sentiment.sentences, strict=True)
        ),
        entities=artifacts["entities"].content.entities,
        sentiment=sentiment.document,
        topics=artifacts["topics"].content.topics,
    )


def current_record(store: ArtifactStore, place: Place, bundles: Mapping[str, Bundle]) -> Record | None:
    """The record at `place`, if it is there and was joined from what today's stages say."""
    key = record_key(place)
    try:
        record = decode(store.get(key), Record, key)
    except NotFound:
        return None
    bundle = bundles.get(record.language)
    said = {stage: run.fingerprint for stage, run in record.stages.items()}
    return record if bundle is not None and said == bundle.fingerprints else None
