"""Tokens, tags, lemmas and trees against a treebank: the metrics of the CoNLL 2018 shared task, from raw text.

The text of each document of the treebank is put together again from its sentences (a blank line where a paragraph
begins, a space between sentences unless the last token says `SpaceAfter=No`), read by the parse stage, exported as
CoNLL-U, and scored by `udeval` of the package udtools: words count as right only where tokens and sentences were found
too.

The unit that the bootstrap draws is the sentence. Gold and found sentences are not the same ones, so a unit is the
shortest stretch at whose end both end: nearly always one sentence. No word and no tree reaches from one unit into
another, so the counts of the units add up to those of the whole file.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline import conllu
from pipeline.models.evaluate.counts import Tally
from pipeline.models.evaluate.reading import Reader

# What is reported, by udeval's names.
METRICS = ("Tokens", "Sentences", "UPOS", "UFeats", "Lemmas", "UAS", "LAS", "CLAS", "MLAS")
_NO_SPACE = "SpaceAfter=No"


class EvaluationError(Exception):
    """The data, or what was said of it, cannot be scored; the message says where and what to do."""


class GoldDocument(NamedTuple):
    """One document of a treebank: its raw text and its sentences, each a CoNLL-U block without comments."""

    name: str
    text: str
    sentences: tuple[str, ...]


class Unit(NamedTuple):
    """Gold and found sentences that begin and end at the same character, as CoNLL-U."""

    gold: str
    said: str


def read_treebank(path: Path) -> list[GoldDocument]:
    """The documents of a CoNLL-U file; one without `# newdoc` is a single document."""
    documents: list[GoldDocument] = []
    name, text = path.stem, ""
    sentences: list[str] = []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        lines = block.strip("\n").split("\n")
        comments = [line for line in lines if line.startswith("#")]
        rows = [line for line in lines if line and not line.startswith("#")]
        if not rows:
            continue
        if any(comment.startswith("# newdoc") for comment in comments):
            if sentences:
                documents.append(GoldDocument(name, text.strip(), tuple(sentences)))
            name, text, sentences = _value(comments, "newdoc id") or path.stem, "", []
        if any(comment.startswith("# newpar") for comment in comments):
            text = f"{text.rstrip()}\n\n"
        own, is_spaced = surface(rows)
        told = _value(comments, "text")
        if told is not None and "".join(told.split()) != "".join(own.split()):
            raise EvaluationError(f"{path}: the tokens of the sentence {told!r} do not make its text")
        text += (told if told is not None else own) + (" " if is_spaced else "")
        sentences.append("\n".join(rows))
    if sentences:
        documents.append(GoldDocument(name, text.strip(), tuple(sentences)))
    return documents


class Row(NamedTuple):
    """One line of CoNLL-U."""

    number: str
    form: str
    lemma: str
    upos: str
    xpos: str
    feats: str
    head: str
    deprel: str
    deps: str
    misc: str


def tokens(rows: Iterable[str]) -> Iterator[Row]:
    """What a sentence's text is made of: its multi-word tokens and the words that are in none. No empty nodes."""
    inside_until = 0
    for line in rows:
        row = Row(*line.split("\t"))
        if "-" in row.number:
            inside_until = int(row.number.partition("-")[2])
            yield row
        elif row.number.isdigit() and int(row.number) > inside_until:
            yield row


def surface(rows: Iterable[str]) -> tuple[str, bool]:
    """The text of a sentence's rows, and whether a space follows it."""
    text, is_spaced = "", False
    for token in tokens(rows):
        text += (" " if is_spaced else "") + token.form
        is_spaced = _NO_SPACE not in token.misc.split("|")
    return text, is_spaced


def score(reader: Reader, documents: Sequence[GoldDocument]) -> Tally:
    """Counts of METRICS for what the parse stage says of the documents' texts."""
    read = reader.read((document.text for document in documents), "parse")
    return score_said(documents, (conllu.render(subject.document, subject.parse) for subject in read))


def score_said(documents: Sequence[GoldDocument], said: Iterable[str]) -> Tally:
    """Counts of METRICS for what any parser says: one CoNLL-U text for each document, in order.

    Raises EvaluationError when its tokens do not make the document's text.
    """
    counts = [
        _counts(unit, document)
        for document, output in zip(documents, said, strict=True)
        for unit in units(document.sentences, blocks(output))
    ]
    return Tally(METRICS, np.array(counts, dtype=np.int64))


def units(gold: Sequence[str], said: Sequence[str]) -> Iterator[Unit]:
    """Cut two sentence segmentations of one text where both have the end of a sentence."""
    gold_ends, said_ends = _ends(gold), _ends(said)
    common = sorted(set(gold_ends) & set(said_ends))
    if not common or common[-1] != gold_ends[-1]:
        common.append(gold_ends[-1])  # not the same characters: the scorer says where they part
    gold_at = said_at = 0
    for end in common:
        gold_to, said_to = gold_at, said_at
        while gold_to < len(gold) and gold_ends[gold_to] <= end:
            gold_to += 1
        while said_to < len(said) and (said_ends[said_to] <= end or end == common[-1]):
            said_to += 1
        yield Unit(_file(gold[gold_at:gold_to]), _file(said[said_at:said_to]))
        gold_at, said_at = gold_to, said_to


def _counts(unit: Unit, document: GoldDocument) -> list[tuple[int, int, int]]:
    udeval = scorer()
    # More than one root in a sentence is the parser's mistake to lose points for, not an error of the file.
    options = {"multiple_roots_okay": True}
    try:
        scores = udeval.evaluate(
            udeval.load_conllu(io.StringIO(unit.gold), "gold", options),
            udeval.load_conllu(io.StringIO(unit.said), "said", options),
        )
    except udeval.UDError as error:
        raise EvaluationError(f"document {document.name} cannot be scored: {error}") from error
    return [(scores[name].gold_total, scores[name].system_total, scores[name].correct) for name in METRICS]


def scorer() -> Any:
    """The module `udeval`. Raises EvaluationError when it is not installed."""
    try:
        from udtools import udeval  # noqa: PLC0415 (of the extra `train`)
    except ImportError as error:
        raise EvaluationError(
            "scoring trees needs the package udtools: pip install 'efir[train]', or leave parse out with --only"
        ) from error
    return udeval


def _ends(sentences: Sequence[str]) -> list[int]:
    """Where each sentence ends, in characters that are not spaces."""
    return list(accumulate(len("".join(surface(sentence.split("\n"))[0].split())) for sentence in sentences))


def blocks(output: str) -> list[str]:
    """The sentences of a CoNLL-U text, without comments."""
    blocks = ("\n".join(row for row in block.split("\n") if row and row[0] != "#") for block in output.split("\n\n"))
    return [block for block in blocks if block]


def _file(sentences: Sequence[str]) -> str:
    return "".join(f"{sentence}\n\n" for sentence in sentences)


def _value(comments: Sequence[str], key: str) -> str | None:
    return next((line.partition("=")[2].strip() for line in comments if line.startswith(f"# {key} =")), None)
