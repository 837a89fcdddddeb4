"""A plain view of a dirty text: what the models read, with the way back to the text that people keep.

Models trained on clean text stumble over combining accents («за́мок»), soft hyphens, no-break spaces and zero-width
characters. `PlainText` removes and replaces them in a *view* and remembers for every character of the view which
code points of the original it stands for. A span found in the view maps to a span of the original, so that
`original[start:end]` is the mention whatever the input contained.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

# Invisible: they carry no meaning for a tokenizer and split words apart when left in.
_DROPPED = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufeff\u180e\ufe0e\ufe0f")
# Stress marks over vowels. Combining breve and diaeresis are not here: with и, і, е they make the letters й, ї, ё.
_STRESS = frozenset("\u0300\u0301\u0340\u0341")
_LINE_ENDS = frozenset("\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
_PARAGRAPH_END = "\n\n"
# Controls, surrogates, private use, unassigned: no model has seen them, and some tools choke on them.
_UNREADABLE = frozenset({"Cc", "Cs", "Co", "Cn"})


class PlainText:
    """The view (`text`) of `original` and the map between them. Offsets are Unicode code points.

    Before every offset of `breaks` (ascending) the view has the end of a paragraph, whatever the original says: no
    sentence runs from one speaker to the next.
    """

    __slots__ = ("_ends", "_starts", "original", "text")

    def __init__(self, original: str, breaks: Iterable[int] = ()) -> None:
        self.original = original
        view: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        index, length = 0, len(original)
        coming = iter(breaks)
        next_break = next(coming, length)
        while index < length:
            if index >= next_break:
                next_break = next((at for at in coming if at > index), length)
                for char in _PARAGRAPH_END:
                    view.append(char)
                    starts.append(index)
                    ends.append(index)
            stop = index + 1
            while stop < length and unicodedata.combining(original[stop]):
                stop += 1
            if original[index] == "\r" and original[index + 1 : index + 2] == "\n":
                plain = " "  # CR LF is one line end, and two line ends are a new paragraph
            else:
                plain = _plain(original[index:stop])
            for char in plain:
                view.append(char)
                starts.append(index)
                ends.append(stop)
            index = stop
        self.text = "".join(view)
        self._starts = starts
        self._ends = ends

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original for the non-empty span `[start, end)` of the view."""
        return self._starts[start], self._ends[end - 1]


def _plain(cluster: str) -> str:
    """One base character with its combining marks, as the models should read it."""
    base = _plain_char(cluster[0])
    if len(cluster) == 1 or not base or base.isspace():
        return base
    marks = "".join(mark for mark in cluster[1:] if mark not in _STRESS)
    return unicodedata.normalize("NFC", base + marks)


def _plain_char(char: str) -> str:
    if char in _DROPPED:
        return ""
    if char in _LINE_ENDS:
        return "\n"
    if char.isspace() or unicodedata.category(char) in _UNREADABLE:
        return " "
    return char
