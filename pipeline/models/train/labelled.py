"""Labelled texts: read from tables, parsed by the bundle, split by document.

A table is tab-separated with a header: `source` (the document a text comes from), `text`, and `label` or `topics`
(comma-separated). A fifth of the documents, chosen by a digest of the source's name, is held back for evaluation.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pipeline.artifact import Parse, Word
from pipeline.stages import Subject
from pipeline.stages.parse import ParseStage
from pipeline.transcript import Document

_BATCH = 50
_NEVER = datetime(2000, 1, 1, tzinfo=UTC)


class Text(NamedTuple):
    source: str
    labels: tuple[str, ...]
    text: str


class Labelled(NamedTuple):
    source: str
    labels: tuple[str, ...]
    words: tuple[Word, ...]


def is_held_back(source: str) -> bool:
    """Whether a document belongs to the fifth that no classifier is trained on."""
    return int(hashlib.sha256(source.encode()).hexdigest(), 16) % 5 == 0


def read_table(path: Path, column: str) -> list[Text]:
    csv.field_size_limit(10_000_000)
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Text(row["source"], tuple(row[column].split(",")), row["text"]) for row in rows]


def parse_texts(
    stage: ParseStage, texts: Sequence[Text], tell: Callable[[int], None] = lambda done: None
) -> Iterator[Labelled]:
    """Each text as one run of words, whatever sentences the parser sees in it. `tell` hears how many are done."""
    for at in range(0, len(texts), _BATCH):
        chunk = texts[at : at + _BATCH]
        contents = stage.run([Subject(_document(text.text), {}) for text in chunk])
        for text, content in zip(chunk, contents, strict=True):
            assert isinstance(content, Parse)
            words = tuple(word for sentence in content.sentences for word in sentence.words)
            yield Labelled(text.source, text.labels, words)
        tell(min(at + _BATCH, len(texts)))


def _document(text: str) -> Document:
    return Document(id="", source="", language="", ingested=_NEVER, text=text)
