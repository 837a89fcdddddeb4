"""Texts cut into tokens, and what is done to them before they are read.

Compounds and numbers as one word: some treebanks cut «науково-технічний», «2,5» and «11:59», others never.

A tokenizer trained on both does it now this way, now that. For a document whose convention keeps them whole, what was
cut is put together again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

_HYPHENS = frozenset("-‑")
_IN_NUMBERS = frozenset(".,:")


# The parser's time and memory grow with the square of a sentence's length. A "sentence" longer than this is a list,
# a table or speech without full stops: it is cut, after a comma or semicolon in its last quarter if there is one.
MAX_SENTENCE_WORDS = 200
_SOFT_BREAKS = frozenset(",;:–—-")


class Token(NamedTuple):
    """`text[start:end]` of its document."""

    text: str
    start: int
    end: int
    is_several: bool = False  # words, which the model for such tokens tells apart


class Cut(NamedTuple):
    """A text and its sentences."""

    text: str
    sentences: list[list[Token]]

    def bounded(self) -> Cut:
        """With no sentence of more than MAX_SENTENCE_WORDS tokens."""
        return Cut(self.text, [piece for sentence in self.sentences for piece in _pieces(sentence)])


def _pieces(tokens: list[Token]) -> Iterator[list[Token]]:
    while len(tokens) > MAX_SENTENCE_WORDS:
        cut = next(
            (
                at
                for at in range(MAX_SENTENCE_WORDS, MAX_SENTENCE_WORDS * 3 // 4, -1)
                if tokens[at - 1].text in _SOFT_BREAKS
            ),
            MAX_SENTENCE_WORDS,
        )
        yield tokens[:cut]
        tokens = tokens[cut:]
    yield tokens


def whole(tokens: Sequence[Token]) -> list[Token]:
    """The tokens with compounds and numbers put together. Only what stands close together is."""
    result = list(tokens[:1])
    at = 1
    while at < len(tokens):
        if at + 1 < len(tokens) and _belong(result[-1], tokens[at], tokens[at + 1]):
            before, mark, after = result.pop(), tokens[at], tokens[at + 1]
            result.append(Token(before.text + mark.text + after.text, before.start, after.end))
            at += 2
        else:
            result.append(tokens[at])
            at += 1
    return result


def _belong(before: Token, mark: Token, after: Token) -> bool:
    if before.end != mark.start or mark.end != after.start:
        return False
    left, right = before.text[-1], after.text[0]
    if mark.text in _HYPHENS:
        return left.isalnum() and right.isalnum()
    return mark.text in _IN_NUMBERS and left.isdigit() and right.isdigit()
