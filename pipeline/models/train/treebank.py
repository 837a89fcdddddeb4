"""Reading treebanks: CoNLL-U files (universaldependencies.org/format.html)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pipeline.models.train.labelled import Library, Place, read_places


class Tree(NamedTuple):
    """A sentence; one entry a word in each field. Lemmas and tags may be empty: nobody said them."""

    forms: tuple[str, ...]
    lemmas: tuple[str, ...]
    tags: tuple[str, ...]  # "UPOS|Feature=Value|..."
    heads: tuple[int, ...]  # 0 is the root
    relations: tuple[str, ...]


def read_trees(path: Path) -> list[Tree]:
    """Words only: ranges of multi-word tokens and empty nodes are left out. Raises ValueError naming the line."""
    return [tree for _, tree in _sentences(path)]


def read_documents(path: Path) -> list[list[Tree]]:
    """Sentences by document (`newdoc`); one document where the file marks none."""
    documents: list[list[Tree]] = []
    for is_new, tree in _sentences(path):
        if is_new or not documents:
            documents.append([])
        documents[-1].append(tree)
    return documents


def own_trees(path: Path, library: Library) -> list[Tree]:
    """Of the project's labels: `START-END:HEAD:RELATION` a word, characters of the sentence."""
    trees = []
    for text in read_places(path, library, "words"):
        places = [Place.of(label) for label in text.labels]
        said = [place.said.split(":", 1) for place in places]
        trees.append(
            Tree(
                forms=tuple(text.text[place.start : place.end] for place in places),
                lemmas=(),
                tags=(),
                heads=tuple(int(head) for head, _ in said),
                relations=tuple(relation for _, relation in said),
            )
        )
    return trees


def _sentences(path: Path) -> Iterator[tuple[bool, Tree]]:
    rows: list[list[str]] = []
    is_new = False
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(map(_without_end, file), 1):
            if line.startswith("#"):
                is_new = is_new or line.startswith("# newdoc")
            elif line:
                fields = line.split("\t")
                if len(fields) != 10:
                    raise ValueError(f"{path}:{number}: {len(fields)} fields where CoNLL-U has 10")
                if fields[0].isdigit():
                    rows.append(fields)
            elif rows:
                yield is_new, _tree(rows)
                rows, is_new = [], False
    if rows:
        yield is_new, _tree(rows)


def _without_end(line: str) -> str:
    return line.rstrip("\n")


def _tree(rows: list[list[str]]) -> Tree:
    return Tree(
        forms=tuple(row[1] for row in rows),
        lemmas=tuple(row[2] for row in rows),
        tags=tuple(row[3] if row[5] == "_" else f"{row[3]}|{row[5]}" for row in rows),
        heads=tuple(int(row[6]) for row in rows),
        relations=tuple(row[7] for row in rows),
    )
