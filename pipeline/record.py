"""The record: a document and everything the stages said about it, joined into what people read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.artifact import Artifact, Record, RecordSentence, StageRun
from pipeline.graph import STAGES
from pipeline.store import artifact_key
from pipeline.transcript import Document, place_of


def join(document: Document, artifacts: Mapping[str, Artifact[Any]]) -> Record:
    """Join the current artifacts of all stages. The same artifacts always give the same record."""
    place = place_of(document)
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
            RecordSentence(sentence.start, sentence.end, tone.label, tone.score)
            for sentence, tone in zip(parse.sentences, sentiment.sentences, strict=True)
        ),
        entities=artifacts["entities"].content.entities,
        sentiment=sentiment.document,
        topics=artifacts["topics"].content.topics,
    )


def is_current(record: Record, fingerprints: Mapping[str, str]) -> bool:
    """Whether a record was joined from what today's stages say. `fingerprints`: stage name -> fingerprint."""
    return {stage: run.fingerprint for stage, run in record.stages.items()} == dict(fingerprints)
