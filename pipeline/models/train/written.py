"""Texts written for training, and labelled by who wrote them.

Passages are labelled with names, tone and topics. Their file is text: a passage begins with `#`, its id and its topics,
comma-separated; every line after that is a sentence: its valence, -2 to 2, a `|`, and the sentence, in which a name is
`[the name|TYPE]`. Sentences by themselves are labelled with names alone, marked like that, one a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pipeline.models.evaluate.iob import Span

_HEADER = re.compile(r"#(\S+) (\S+)")
_SENTENCE = re.compile(r"(-?[0-2])\|(.+)")
_NAME = re.compile(r"\[([^\[\]|]+)\|([A-Z]+)\]")
_MARKUP = frozenset("[]|")


class Named(NamedTuple):
    """A sentence of which names alone are known."""

    text: str
    names: tuple[Span, ...]


class Sentence(NamedTuple):
    text: str
    valence: int
    names: tuple[Span, ...]


class Passage(NamedTuple):
    id: str
    topics: tuple[str, ...]
    sentences: tuple[Sentence, ...]

    @property
    def text(self) -> str:
        return " ".join(sentence.text for sentence in self.sentences)

    @property
    def names(self) -> list[Span]:
        """Where they are in the passage's text."""
        result, begins = [], 0
        for sentence in self.sentences:
            result += [Span(begins + name.start, begins + name.end, name.type) for name in sentence.names]
            begins += len(sentence.text) + 1
        return result


def read_written(path: Path) -> list[Passage]:
    """Raises ValueError naming the line that is neither a header nor a sentence."""
    passages: list[tuple[str, tuple[str, ...], list[Sentence]]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if header := _HEADER.fullmatch(line):
            passages.append((header[1], tuple(header[2].split(",")), []))
        elif passages and (said := _SENTENCE.fullmatch(line)) and (named := _named(said[2])):
            passages[-1][2].append(Sentence(named.text, int(said[1]), named.names))
        else:
            raise ValueError(f"{path}:{number}: '#ID TOPICS' or 'VALENCE|a sentence with [names|TYPE]' expected")
    return [Passage(id_, topics, tuple(sentences)) for id_, topics, sentences in passages]


def read_sentences(path: Path) -> list[Named]:
    """Raises ValueError naming the line that is empty or in which markup is left over."""
    result = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        named = _named(line)
        if not named or not named.text.strip():
            raise ValueError(f"{path}:{number}: 'a sentence with [names|TYPE]' expected")
        result.append(named)
    return result


def _named(marked: str) -> Named | None:
    """None where markup is left over."""
    text, names = "", []
    for part, is_name, type_ in _parts(marked):
        if _MARKUP & set(part):
            return None
        if is_name:
            names.append(Span(len(text), len(text) + len(part), type_))
        text += part
    return Named(text, tuple(names))


def _parts(marked: str) -> Iterator[tuple[str, bool, str]]:
    at = 0
    for name in _NAME.finditer(marked):
        yield marked[at : name.start()], False, ""
        yield name[1], True, name[2]
        at = name.end()
    yield marked[at:], False, ""
