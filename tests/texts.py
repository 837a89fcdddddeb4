"""Documents and words for tests."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.artifact import Parse, ParsedSentence, Word
from pipeline.transcript import Document

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


def document(text: str, name: str = "0123456789abcdef-01234567") -> Document:
    return Document(id=name, source="tests", language="uk", published=NOON, ingested=NOON, text=text)


def words(*rows: tuple[str, str, str, str, int, str]) -> tuple[Word, ...]:
    """Words of one sentence with single spaces between them: form, lemma, upos, feats, head, deprel."""
    result, at = [], 0
    for form, lemma, upos, feats, head, deprel in rows:
        result.append(Word(form, lemma, upos, "", feats, head, deprel, at, at + len(form)))
        at += len(form) + 1
    return tuple(result)


def parse_of(*sentences: tuple[Word, ...]) -> Parse:
    return Parse(tuple(ParsedSentence(each[0].start, each[-1].end, each) for each in sentences))
