"""Labelled texts: read from tables, split by document.

A table is tab-separated with a header: `source` (the document a text comes from), `text`, and `label` or `topics`
(comma-separated). A fifth of the documents, chosen by a digest of the source's name, is held back for evaluation.

The project's own labels (`labels/`) hold no text: they say where it stands in the user's copy of the data.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from pipeline.models.train.written import read_written

OWN = Path(__file__).parent / "labels"
# Where documents lie in a folder of data.
EVERYTHING = ("transcripts/*.json", "raw/corpus.jsonl.gz", "ud/*-train.conllu")
_WRITTEN = "*-written.txt"
_PARTS = 5


class Text(NamedTuple):
    source: str
    labels: tuple[str, ...]
    text: str
    id: str = ""


class Place(NamedTuple):
    """Of a label `START-END:SAID`: what is said of `text[start:end]`."""

    start: int
    end: int
    said: str

    @classmethod
    def of(cls, label: str) -> Place:
        place, _, said = label.partition(":")
        start, _, end = place.partition("-")
        return cls(int(start), int(end), said)


class Chosen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Documents, by the files they are in (`Library`), and by further names that tables know them by."""

    files: tuple[str, ...]
    sources: tuple[str, ...] = ()


class Library:
    """Documents by id: those of a folder of data (transcripts, the raw corpus, the sentences of treebanks), and the
    passages that the project wrote.

    `files` are globs within the folder. `.json` is a document, `.jsonl` and `.jsonl.gz` one a line, each with `id` and
    `text`; of a `.conllu` each sentence is one.
    """

    def __init__(self, data: Path, files: Sequence[str] = EVERYTHING) -> None:
        self._paths = sorted({path for name in files for path in data.glob(name)})

    def texts(self, wanted: Container[str]) -> dict[str, str]:
        return {id_: text for id_, text in self._documents() if id_ in wanted}

    def ids(self) -> frozenset[str]:
        return frozenset(id_ for id_, _ in self._documents())

    def _documents(self) -> Iterator[tuple[str, str]]:
        for path in self._paths:
            yield from _sentences(path) if path.suffix == ".conllu" else _documents(path)
        for path in sorted(OWN.glob(_WRITTEN)):
            yield from ((passage.id, passage.text) for passage in read_written(path))


class Texts:
    """What there is to learn from: rows of tables whose documents are not held back, and the project's own labels.

    `chosen`: of documents only these, where others must not be learned from. Raises ValueError for files that are not
    there.
    """

    def __init__(self, data: Path, chosen: Chosen | None = None) -> None:
        for name in chosen.files if chosen else ():
            if not any(data.glob(name)):
                raise ValueError(f"{data / name}: the recipe chooses these documents, and there are none")
        self.data = data
        self.library = Library(data, chosen.files) if chosen else Library(data)
        self._allowed = self.library.ids() | {*chosen.sources} if chosen else None

    def table(self, name: str, column: str) -> list[Text]:
        return [
            text
            for text in read_table(self.data / name, column)
            if not is_held_back(text.source) and (self._allowed is None or text.source in self._allowed)
        ]

    def places(self, name: str, column: str) -> list[Text]:
        """Of the project's labels `name`, which may be empty: none."""
        return list(read_places(OWN / name, self.library, column)) if name else []


def is_held_back(source: str) -> bool:
    """Whether a document belongs to the fifth that nothing is trained on."""
    return int(hashlib.sha256(source.encode()).hexdigest(), 16) % _PARTS == 0


def read_table(path: Path, column: str) -> list[Text]:
    return [Text(row["source"], tuple(row[column].split(",")), row["text"], row.get("id") or "") for row in _rows(path)]


def read_second_level(path: Path) -> dict[str, tuple[str, ...]]:
    """Id of a passage -> its topics of the second level, which may be none."""
    return {row["id"]: _labels(row["topics"]) for row in _rows(path)}


def read_places(path: Path, library: Library, column: str) -> Iterator[Text]:
    """Stretches of the documents of `library`, with what `column` says of them, `-` being nothing.

    Documents that it lacks are left out.
    """
    rows = list(_rows(path))
    texts = library.texts({row["source"] for row in rows})
    for row in rows:
        if row["source"] in texts:
            text = texts[row["source"]][int(row["start"]) : int(row["end"])]
            yield Text(row["source"], _labels(row[column]), text)


def read_texts(path: Path) -> Iterator[str]:
    """The texts of JSON, of JSON lines, and of these in gzip."""
    return (text for _, text in _documents(path))


def _documents(path: Path) -> Iterator[tuple[str, str]]:
    """Id and text of each."""
    if path.suffix == ".json":
        document = json.loads(path.read_text(encoding="utf-8"))
        yield document.get("id", ""), document["text"]
        return
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        for line in file:
            document = json.loads(line)
            yield document.get("id", ""), document["text"]


def _sentences(path: Path) -> Iterator[tuple[str, str]]:
    """Id and text of each sentence of a treebank."""
    name = ""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith("# sent_id = "):
                name = line.removeprefix("# sent_id = ").strip()
            elif line.startswith("# text = "):
                yield name, line.removeprefix("# text = ").strip()


def _labels(column: str) -> tuple[str, ...]:
    return () if column == "-" else tuple(column.split(","))


def _rows(path: Path) -> Iterator[dict[str, str]]:
    csv.field_size_limit(10_000_000)
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
