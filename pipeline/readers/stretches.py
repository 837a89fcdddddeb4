"""Timed words to a text and its segments: whole sentences of one speaker, each with its times.

Used by subtitles, whose pieces are lines, and by speech recognition, whose pieces are words or phrases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pipeline.transcript import Segment

# The end of a sentence: marks, what closes after them, and then something that may begin one.
_END = re.compile(r"[.!?…]{1,9}[\"'»”’)\]]{0,3}(?=\s{1,9}[\"'«„“(\[¿¡–—-]{0,3}\s?[A-ZА-ЯІЇЄҐЁ0-9])")
# Not the end of one: initials and what is commonly shortened before a name or a number.
_NO_END = re.compile(
    r"(?:^|[\s(«\"])(?:[A-ZА-ЯІЇЄҐ]|м|с|р|рр|ст|вул|просп|обл|р-н|гр|тов|п|пп|св|ім|ред|див|напр|тис|млн|млрд|"
    r"грн|акад|проф|доц|ген|полк|вид|кв|буд|т|Mr|Mrs|Dr|St)\.$"
)
# Text without punctuation (automatic captions) has no sentences; it is cut between pieces at these bounds.
_PAUSE_SECONDS = 2.0
_AFTER_CHARACTERS = 200
_LONGEST_CHARACTERS = 1_000
# A silence that parts paragraphs.
_PARAGRAPH_SECONDS = 3.0
_LONGEST_SHORTENED = 8


class Piece(NamedTuple):
    """Some words and when they are said. `opens`: a new turn begins with it, whoever speaks."""

    text: str
    begins: float | None
    ends: float | None
    speaker: str | None = None
    language: str | None = None
    opens: bool = False
    confidence: float | None = None  # 0..1


class _Sentence(NamedTuple):
    text: str
    begins: float | None
    ends: float | None
    speaker: str | None
    language: str | None
    opens: bool  # a paragraph
    confidence: float | None


def text_and_segments(pieces: Iterable[Piece]) -> tuple[str, tuple[Segment, ...]]:
    """One text, a space between sentences and an empty line between turns and after long silences, and its segments."""
    parts: list[str] = []
    segments: list[Segment] = []
    at = 0
    before: _Sentence | None = None
    for sentence in _sentences(pieces):
        if before is not None:
            is_late = (sentence.begins or 0) - (before.ends or sentence.begins or 0) >= _PARAGRAPH_SECONDS
            gap = "\n\n" if sentence.opens or is_late or sentence.speaker != before.speaker else " "
            parts.append(gap)
            at += len(gap)
        parts.append(sentence.text)
        end = at + len(sentence.text)
        segments.append(
            Segment(
                at,
                end,
                sentence.speaker,
                _milli(sentence.begins),
                _milli(sentence.ends),
                sentence.language,
                _milli(sentence.confidence),
            )
        )
        at, before = end, sentence
    return "".join(parts), tuple(segments)


def speakers_of(segments: Iterable[Segment]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(segment.speaker for segment in segments if segment.speaker))


def confidence_of(pieces: Iterable[Piece]) -> float | None:
    """The mean of those that have one, each counting by its length; None when none has."""
    sure = [(piece.confidence, len(piece.text)) for piece in pieces if piece.confidence is not None and piece.text]
    return sum(share * length for share, length in sure) / sum(length for _, length in sure) if sure else None


def _milli(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _sentences(pieces: Iterable[Piece]) -> Iterator[_Sentence]:
    run: list[Piece] = []
    for piece in pieces:
        if run and (piece.opens or (piece.speaker, piece.language) != (run[-1].speaker, run[-1].language)):
            yield from _cut(run)
            run = []
        run.append(piece)
    yield from _cut(run)


def _cut(run: list[Piece]) -> Iterator[_Sentence]:
    """The sentences of one speaker's pieces. Walks along once: hours of one speaker are one run."""
    waiting: list[Piece] = []
    length = 0
    opens = bool(run) and run[0].opens
    for index, piece in enumerate(run):
        following = run[index + 1] if index + 1 < len(run) else None
        lead = waiting[-1].text if waiting else ""
        stops = _ends_of_sentences(lead, piece.text, following.text if following else "")
        for part, is_end in _parts(piece, stops):
            waiting.append(part)
            length += len(part.text) + 1
            if is_end or (following is not None and _is_to_be_cut(length, piece, following)):
                yield _joined(waiting, opens)
                waiting, length, opens = [], 0, False
    if waiting:
        yield _joined(waiting, opens)


def _ends_of_sentences(lead: str, text: str, following: str) -> list[int]:
    """Where sentences end within the text, or with it when a new one follows. `lead` is what stands before it."""
    before = lead[-_LONGEST_SHORTENED:] + " "
    whole = f"{text} {following[:8]}"
    stops = []
    for match in _END.finditer(whole):
        if match.end() > len(text):
            break
        start = match.start() + 1 - _LONGEST_SHORTENED
        context = whole[max(start, 0) : match.start() + 1]
        if match[0] != "." or not _NO_END.search(context if start >= 0 else before + context):
            stops.append(match.end())
    return stops


def _parts(piece: Piece, stops: list[int]) -> Iterator[tuple[Piece, bool]]:
    """The piece cut at the stops, and whether a sentence ends with the part. Times between are by characters."""
    at = 0
    for stop in (*stops, len(piece.text)):
        text = piece.text[at:stop].strip()
        if text:
            begins, ends = (_time_at(piece, edge) for edge in (at, stop))
            yield piece._replace(text=text, begins=begins, ends=ends), stop in stops[-1:] or stop != len(piece.text)
        at = stop


def _time_at(piece: Piece, position: int) -> float | None:
    if piece.begins is None or piece.ends is None:
        return piece.begins if position == 0 else piece.ends
    return piece.begins + (piece.ends - piece.begins) * (position / len(piece.text))


def _is_to_be_cut(length: int, piece: Piece, following: Piece) -> bool:
    pause = (following.begins or 0) - (piece.ends or following.begins or 0)
    return length > _LONGEST_CHARACTERS or (length > _AFTER_CHARACTERS and pause >= _PAUSE_SECONDS)


def _joined(pieces: list[Piece], opens: bool) -> _Sentence:
    """Cues may overlap, and what comes later may end earlier: a sentence lasts from the first to the last of them."""
    text = " ".join(piece.text for piece in pieces)
    begins = min((piece.begins for piece in pieces if piece.begins is not None), default=None)
    ends = max((piece.ends for piece in pieces if piece.ends is not None), default=None)
    if begins is not None and ends is not None and ends < begins:
        ends = begins
    return _Sentence(text, begins, ends, pieces[0].speaker, pieces[0].language, opens, confidence_of(pieces))
