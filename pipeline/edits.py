"""Changing a text without losing where its parts are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from pipeline.transcript import Segment


class Edit(NamedTuple):
    """`text[start:end]` becomes `new`."""

    start: int
    end: int
    new: str


def apply(text: str, segments: Sequence[Segment], edits: Iterable[Edit]) -> tuple[str, tuple[Segment, ...]]:
    """The edited text, and the segments where their words are now. Edits are in order and do not overlap.

    A boundary within what is replaced moves to the end of what replaces it, so that segments stay in order.
    """
    parts: list[str] = []
    starts: list[int] = []  # of every edit: where it begins and ends in the old text, and where it ends in the new one
    ends: list[int] = []
    new_ends: list[int] = []
    at = length = 0
    for edit in edits:
        parts += (text[at : edit.start], edit.new)
        length += edit.start - at + len(edit.new)
        at = edit.end
        starts.append(edit.start)
        ends.append(edit.end)
        new_ends.append(length)
    if not starts:
        return text, tuple(segments)
    parts.append(text[at:])
    boundaries = [position for segment in segments for position in (segment.start, segment.end)]
    moved = iter(_moved(boundaries, starts, ends, new_ends))
    return "".join(parts), tuple(
        msgspec.structs.replace(segment, start=next(moved), end=next(moved)) for segment in segments
    )


def _moved(positions: list[int], starts: list[int], ends: list[int], new_ends: list[int]) -> list[int]:
    """One walk along both: positions are in order, as segments are."""
    result: list[int] = []
    index = 0  # of the first edit that does not end before the position
    for position in positions:
        while index < len(starts) and ends[index] <= position:
            index += 1
        if index < len(starts) and starts[index] < position:
            result.append(new_ends[index])
        elif index:
            result.append(new_ends[index - 1] + position - ends[index - 1])
        else:
            result.append(position)
    return result
