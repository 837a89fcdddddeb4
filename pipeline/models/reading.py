"""Sentences through an encoder, in batches that fit the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from pipeline.models.pieces import MOST_PIECES, Pieces

# Pieces of a batch, padding included. More of them no longer fit the cache, fewer waste time in Python.
_BATCH = 400


Item = TypeVar("Item")


class Part(NamedTuple):
    """Words `first` to before `end` of a sentence: all of them, unless it is too long to be read at once."""

    sentence: int
    first: int
    end: int


def batches(sentences: Sequence[Sequence[str]], pieces: Pieces) -> Iterator[list[Part]]:
    """Every sentence, whole or in parts of at most MOST_PIECES pieces, shortest first."""
    sizes: dict[Part, int] = {}
    for at, words in enumerate(sentences):
        cuts = pieces.windows(words, MOST_PIECES)
        for first, end in zip(cuts, [*cuts[1:], len(words)], strict=True):
            sizes[Part(at, first, end)] = pieces.count(words[first:end])
    yield from runs(sorted(sizes, key=lambda part: sizes[part]), lambda part: sizes[part])


def runs(ordered: Iterable[Item], size: Callable[[Item], int], most: int = _BATCH) -> Iterator[list[Item]]:
    """Cut what is ordered by size into runs that are at most `most` in all when each is padded to its largest."""
    run: list[Item] = []
    for item in ordered:
        if run and (len(run) + 1) * size(item) > most:
            yield run
            run = []
        run.append(item)
    if run:
        yield run
