"""The table of what a bundle scores: one entry a test set, from a folder of data laid out as docs/models.md says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from pipeline.models.evaluate import entities, iob, labelled, treebank
from pipeline.models.evaluate.counts import RESAMPLES, Row, Tally
from pipeline.models.evaluate.reading import Reader

Tell = Callable[[str], None]

TREEBANKS = {"UD ParlaMint test": "uk_parlamint-ud-test.conllu", "UD IU dev": "uk_iu-ud-dev.conllu"}
ENTITIES = "ner-uk-v2.test.iob"
MEDIA_TOPICS = "iptc-mediatopics.json"


class Table(msgspec.Struct, frozen=True):
    """What was scored on what; `units` of them are drawn again for the intervals."""

    name: str
    part: str
    how: str
    unit: str
    units: int
    rows: tuple[Row, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    schema: str = "efir.scores/1"
    bundle: str
    version: str
    fingerprints: dict[str, str]
    resamples: int = RESAMPLES
    tables: tuple[Table, ...]


# Topics of the second level are many, and most have few passages.
_SECOND_LEVEL_SHOWN = 15


class Missing(treebank.EvaluationError):
    """A file of the data is not there."""


def evaluate(reader: Reader, data: Path, parts: Sequence[str], tell: Tell = lambda what: None) -> Report:
    """Score the stages named in `parts`. Raises EvaluationError when their data is missing or cannot be scored."""
    tables = [table for part in parts for table in PARTS[part](reader, data, tell)]
    manifest = reader.bundle.manifest
    return Report(
        bundle=manifest.name,
        version=manifest.version,
        fingerprints={part: reader.bundle.fingerprints[part] for part in parts},
        tables=tuple(tables),
    )


def score_parse(reader: Reader, data: Path, tell: Tell) -> Iterator[Table]:
    for name, file in TREEBANKS.items():
        documents = treebank.read_treebank(existing(data / "ud" / file))
        tell(f"{name}: {len(documents)} documents")
        tally = treebank.score(reader, documents)
        yield _table(name, "parse", "from raw text, conll18", "sentences", tally, tally.each())


def score_entities(reader: Reader, data: Path, tell: Tell) -> Iterator[Table]:
    documents = iob.read_iob(existing(data / "ner" / ENTITIES))
    for given_tokens in (False, True):
        how = "sentences and tokens given" if given_tokens else "from raw text"
        tell(f"NER-UK 2.0 test, {how}: {len(documents)} documents")
        found = entities.pairs(reader, documents, given_tokens=given_tokens)
        tally = entities.tally(found)
        rows = [*tally.each(), tally.macro(), tally.micro()]
        if not given_tokens:
            loose = entities.tally(
                [
                    (entities.without_edges(gold.text, own), entities.without_edges(gold.text, said))
                    for gold, (own, said) in zip(documents, found, strict=True)
                ]
            )
            rows.append(msgspec.structs.replace(loose.micro(), label="micro, punctuation at the edges aside"))
        yield _table("NER-UK 2.0 test", "entities", f"{how}, exact spans", "documents", tally, rows)


def score_sentiment(reader: Reader, data: Path, tell: Tell) -> Iterator[Table]:
    texts = labelled.held_back(existing(data / "sentiment" / "train.tsv"), "label")
    tell(f"sentiment: {len(texts)} sentences")
    tally = labelled.score_sentiment(reader, texts)
    rows = [*tally.each(), tally.micro(), tally.macro()]
    yield _table("sentiment", "sentiment", "from raw text, held-back documents", "documents", tally, rows)


def score_topics(reader: Reader, data: Path, tell: Tell) -> Iterator[Table]:
    texts = labelled.held_back(existing(data / "topics" / "train.tsv"), "topics")
    names = topic_names(data / "topics" / MEDIA_TOPICS)
    tell(f"topics: {len(texts)} passages")
    tally = labelled.score_topics(reader, texts)
    each = [msgspec.structs.replace(row, label=names.get(row.label, row.label)) for row in tally.each()]
    rows = [*each, tally.micro(), tally.macro()]
    yield _table("topics", "topics", "from raw text, held-back documents", "documents", tally, rows)
    if second := labelled.second_level(texts):
        tally = labelled.score_second_level(reader, second)
        most = sorted(tally.each(), key=lambda row: -row.gold)[:_SECOND_LEVEL_SHOWN]
        each = [msgspec.structs.replace(row, label=names.get(row.label, row.label)) for row in most]
        how = "second level, from raw text, held-back documents"
        yield _table("topics", "topics", how, "documents", tally, [*each, tally.micro()])


PARTS: dict[str, Callable[[Reader, Path, Tell], Iterator[Table]]] = {
    "parse": score_parse,
    "entities": score_entities,
    "sentiment": score_sentiment,
    "topics": score_topics,
}


class _MediaTopic(msgspec.Struct):
    id: str
    name: str


def topic_names(path: Path) -> dict[str, str]:
    """Id -> name; empty without the file."""
    if not path.is_file():
        return {}
    return {topic.id: topic.name for topic in msgspec.json.decode(path.read_bytes(), type=list[_MediaTopic])}


def existing(path: Path) -> Path:
    if not path.is_file():
        raise Missing(f"{path}: not there. docs/models.md tells how the data folder is laid out.")
    return path


def _table(name: str, part: str, how: str, unit: str, tally: Tally, rows: Sequence[Row]) -> Table:
    return Table(name, part, how, unit, len(tally.cells), tuple(rows))
