"""What keeps the memory of parsing bounded, however long a document is.

While it is parsed, a word takes some five kilobytes in the neural models and their objects: a text of a megabyte would
take a gigabyte. So texts are read in windows, a run of windows at a time, and only the artifact's words are kept of
each.

A window ends where it does least harm: in its second half at the last end of a paragraph, else of a line, else of a
sentence, else at the last space, and in a run of letters without any anywhere. Nothing else depends on what stands in
another paragraph, so a document in paragraphs is parsed as it would be in one piece.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

# Characters of text in a window, and in a run of windows: more than a message has unless one document is longer.
MOST_CHARS = 50_000

_BREAKS: tuple[tuple[str, ...], ...] = (("\n\n",), ("\n",), (". ", "! ", "? ", "… "), (" ",))


class Window(NamedTuple):
    """`text[start:end]` of the batch's document of that number."""

    document: int
    start: int
    end: int


def runs(texts: Sequence[str]) -> Iterator[list[Window]]:
    """All of the texts, in order, at most MOST_CHARS characters at a time. A window of spaces alone is left out."""
    run: list[Window] = []
    size = 0
    for window in _windows(texts):
        if not texts[window.document][window.start : window.end].strip():
            continue
        length = window.end - window.start
        if run and size + length > MOST_CHARS:
            yield run
            run, size = [], 0
        run.append(window)
        size += length
    if run:
        yield run


def _windows(texts: Iterable[str]) -> Iterator[Window]:
    for number, text in enumerate(texts):
        start = 0
        while len(text) - start > MOST_CHARS:
            end = _cut(text, start)
            yield Window(number, start, end)
            start = end
        yield Window(number, start, len(text))


def _cut(text: str, start: int) -> int:
    """Where the window that begins at `start` ends."""
    half, most = start + MOST_CHARS // 2, start + MOST_CHARS
    for kind in _BREAKS:
        at = max(text.rfind(mark, half, most) + len(mark) for mark in kind)
        if at > half:
            return at
    return most
