"""Texts cut into sentences and tokens, and how long a sentence may be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

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
