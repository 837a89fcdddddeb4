"""Entities in IOB files: one token and its tag a line, blank lines between sentences.

The files of NER-UK 2.0 do not say where their documents begin, so `RUN` consecutive sentences count as a document.
Their tokens stand apart («І . Я . Франко»), and how they were written is lost; `detokenize` makes the text that a
reader would expect to see.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

# Sentences in a document: some 400 words, a short article.
RUN = 25
# Every so many documents of a training file, one is set aside to develop on.
DEV_EVERY = 10

# Ends of sentences; a line without one is a heading or an item of a list, a paragraph of its own.
_FINAL = frozenset(".!?…;:»”\"')")
_CLOSES = re.compile(r"[.,;:!?…)\]}»”’]+")
_OPENS = re.compile(r"[(\[{«„“‘]+")
_QUOTE = '"'


class Span(NamedTuple):
    """`text[start:end]` is an entity."""

    start: int
    end: int
    type: str


class Tagged(NamedTuple):
    """A sentence: its tokens and their tags."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]


class GoldDocument(NamedTuple):
    """Where its tokens lie in its text, sentence by sentence, and its entities in order."""

    text: str
    tokens: tuple[tuple[tuple[int, int], ...], ...]
    entities: tuple[Span, ...]


def read_iob(path: Path) -> list[GoldDocument]:
    sentences = read_sentences(path)
    return [gold_document(sentences[at : at + RUN]) for at in range(0, len(sentences), RUN)]


def read_sentences(path: Path) -> list[Tagged]:
    """Any number of blank lines is the end of a sentence."""
    sentences: list[Tagged] = []
    rows: list[list[str]] = []
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        if line.strip():
            rows.append(line.split())
        elif rows:
            sentences.append(Tagged(tuple(row[0] for row in rows), tuple(row[-1] for row in rows)))
            rows = []
    return sentences


def is_dev(number: int) -> bool:
    """Whether the document of this number (from 0) of a training file is set aside to develop on."""
    return number % DEV_EVERY == DEV_EVERY - 1


def gold_document(sentences: Sequence[Tagged]) -> GoldDocument:
    """A document of these sentences: a space between them, a blank line after one without an end."""
    text = ""
    places: list[tuple[tuple[int, int], ...]] = []
    entities: list[Span] = []
    for sentence in sentences:
        if text:
            text += " " if text[-1] in _FINAL else "\n\n"
        own, within = detokenize(sentence.tokens)
        tokens = tuple((len(text) + start, len(text) + end) for start, end in within)
        entities += [Span(tokens[first][0], tokens[last][1], kind) for first, last, kind in spans(sentence.tags)]
        places.append(tokens)
        text += own
    return GoldDocument(text, tuple(places), tuple(entities))


def detokenize(tokens: Iterable[str]) -> tuple[str, list[tuple[int, int]]]:
    """The text of a sentence's tokens, and where each lies in it.

    No space before what closes (full stops, commas, closing brackets and quotes), none after what opens; straight
    quotes open and close by turns; a space between all other tokens, dashes and signs among them.
    """
    text, is_joined, is_quoting = "", True, False
    places: list[tuple[int, int]] = []
    for token in tokens:
        closes, opens = bool(_CLOSES.fullmatch(token)), bool(_OPENS.fullmatch(token))
        if token == _QUOTE:
            closes, opens, is_quoting = is_quoting, not is_quoting, not is_quoting
        if not (is_joined or closes):
            text += " "
        places.append((len(text), len(text) + len(token)))
        text += token
        is_joined = opens
    return text, places


def spans(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """First token, last token (inclusive) and type of each entity; an `I-` that continues nothing begins one."""
    found: list[tuple[int, int, str]] = []
    is_open = False
    for at, tag in enumerate(tags):
        place, _, kind = tag.partition("-")
        if place == "I" and is_open and found[-1][2] == kind:
            found[-1] = (found[-1][0], at, kind)
        elif place in ("B", "I"):
            found.append((at, at, kind))
        is_open = place in ("B", "I")
    return found


def tags(places: Sequence[tuple[int, int]], entities: Iterable[Span]) -> list[str]:
    """The other way: tags for words that lie at `places` of a text, whatever tokenizer cut them.

    A word belongs to an entity when any of its characters does. A tagger that is to be run on the words of the parse
    has to be trained on them too, since the files cut other ones («"Зоря"», «грн.»).
    """
    result = ["O"] * len(places)
    for start, end, kind in entities:
        inside = [at for at, (first, last) in enumerate(places) if first < end and start < last]
        for at in inside:
            result[at] = f"{'B' if at == inside[0] else 'I'}-{kind}"
    return result
