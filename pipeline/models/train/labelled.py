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
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

OWN = Path(__file__).parent / "labels"
_PARTS = 5


class Text(NamedTuple):
    source: str
    labels: tuple[str, ...]
    text: str
    id: str = ""


def is_held_back(source: str) -> bool:
    """Whether a document belongs to the fifth that nothing is trained on."""
    return int(hashlib.sha256(source.encode()).hexdigest(), 16) % _PARTS == 0


def read_table(path: Path, column: str) -> list[Text]:
    return [Text(row["source"], tuple(row[column].split(",")), row["text"], row.get("id") or "") for row in _rows(path)]


def read_second_level(path: Path) -> dict[str, tuple[str, ...]]:
    """Id of a passage -> its topics of the second level, which may be none."""
    return {row["id"]: _labels(row["topics"]) for row in _rows(path)}


def read_places(path: Path, data: Path, column: str) -> Iterator[Text]:
    """Stretches of documents of `data`, with what `column` says of them, `-` being nothing.

    Documents that `data` lacks are left out.
    """
    rows = list(_rows(path))
    texts = _documents(data, {row["source"] for row in rows})
    for row in rows:
        if row["source"] in texts:
            text = texts[row["source"]][int(row["start"]) : int(row["end"])]
            yield Text(row["source"], _labels(row[column]), text)


def read_texts(path: Path) -> Iterator[str]:
    """The texts of JSON, of JSON lines, and of these in gzip."""
    if path.suffix == ".json":
        yield json.loads(path.read_text(encoding="utf-8"))["text"]
        return
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)["text"]


def _documents(data: Path, wanted: set[str]) -> dict[str, str]:
    """The texts of transcripts, of the raw corpus, and of the sentences of treebanks, by id."""
    texts: dict[str, str] = {}
    for path in sorted((data / "transcripts").glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        texts[document["id"]] = document["text"]
    corpus = data / "raw" / "corpus.jsonl.gz"
    if corpus.exists():
        with gzip.open(corpus, "rt", encoding="utf-8") as file:
            for line in file:
                document = json.loads(line)
                if document["id"] in wanted:
                    texts[document["id"]] = document["text"]
    for path in sorted((data / "ud").glob("*-train.conllu")):
        name = ""
        with path.open(encoding="utf-8") as file:
            for line in file:
                if line.startswith("# sent_id = "):
                    name = line.removeprefix("# sent_id = ").strip()
                elif line.startswith("# text = ") and name in wanted:
                    texts[name] = line.removeprefix("# text = ").strip()
    return texts


def _labels(column: str) -> tuple[str, ...]:
    return () if column == "-" else tuple(column.split(","))


def _rows(path: Path) -> Iterator[dict[str, str]]:
    csv.field_size_limit(10_000_000)
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
