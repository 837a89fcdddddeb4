"""Subtitles to a transcript: cues become sentences, sentences become segments with a speaker and times.

A cue is what fits on a screen, not what somebody says: a sentence runs over several cues, and a cue holds the end of
one and the beginning of the next. Here the words of all cues of one speaker are put together and cut into sentences
again. A sentence begins and ends when its cues do; where it begins or ends within a cue, the time is interpolated by
characters, as if the cue were spoken evenly.
"""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pipeline.readers.stretches import Piece

# Half a minute of a slow speaker's name and office; what is longer before a colon is a sentence.
_LABEL = re.compile(
    r"(?P<turn>>>+\s{0,9})?(?:(?P<name>[^\W\d_][\w.'’ʼ\-]{0,40}(?:[ ][\w.'’ʼ\-]{1,40}){0,3}):(?:\s{1,9}|$))?"
)
_TAG = re.compile(r"<[/a-zA-Z0-9][^<>]{0,200}>|\{\\[^{}]{0,200}\}|\{[yY]:[ibus]{1,4}\}")
_BRACKETED = re.compile(r"\[[^\[\]\n]{0,100}\]")
# In round brackets people also put what they say, so these have to be sounds, or stand alone.
_SOUND = re.compile(
    r"\(\s{0,9}(?:сміх|сміється|смі[юя]ться|оплеск|аплодисмент|музик|грає музика|звучить|пауза|кашл|кашел|зітха|гудок|"
    r"нерозбірлив|нечутно|шум|тиша|вигук|говорить|говорять|смех|аплодисменты|музыка|laugh|applau|music|cough|sigh|"
    r"inaudible|crosstalk|cheer|silence|pause)[^()\n]{0,60}\)",
    re.IGNORECASE,
)
_ALONE = re.compile(r"^\s{0,9}[-–—]?\s{0,9}\([^()\n]{0,100}\)\s{0,9}$")
_NOTES = re.compile(r"[♩♪♫♬]+")
_DASH = re.compile(r"^[-–—]\s{0,9}(?=\S)")
# Automatic captions roll: this share of the cues begins with the line the cue before ended with. People repeat
# themselves too, but not in every third cue.
_ROLLING_SHARE = 1 / 3
_ROLLING_LEAST = 2


class Cue(NamedTuple):
    """What stands on the screen for a while: lines of text, seconds into the recording."""

    begins: float
    ends: float
    lines: tuple[str, ...]
    speaker: str | None = None  # where the format itself says it
    language: str | None = None


def pieces(cues: Iterable[Cue], *, keep_sounds: bool = False) -> Iterator[Piece]:
    """The words of the cues in order of time, each piece with its speaker; a piece that `opens` begins a new turn.

    Without `keep_sounds` stage directions («[сміх]», «(оплески)») and notes of music are dropped.
    """
    cleaned = [_cleaned(cue, keep_sounds) for cue in cues]
    cleaned = sorted((cue for cue in cleaned if cue.lines), key=lambda cue: cue.begins)
    labelled: str | None = None
    said_by: str | None = None  # the speaker of the cue before, where the format says it
    for cue in _unrolled(cleaned):
        is_dialogue = sum(bool(_DASH.match(line)) for line in cue.lines) > 1
        if cue.speaker != said_by:
            labelled = None
        length = sum(len(line) + 1 for line in cue.lines)
        at, is_first = 0, True
        for line in cue.lines:
            turn, name, text = _label(line)
            if name is not None or turn:
                labelled = name
            begins, ends = (cue.begins + (cue.ends - cue.begins) * part / length for part in (at, at + len(line) + 1))
            at += len(line) + 1
            opens = turn or name is not None or (is_first and cue.speaker != said_by)
            opens = opens or (is_dialogue and bool(_DASH.match(line)))
            is_first = False
            if text:
                yield Piece(text, begins, ends, labelled or cue.speaker, cue.language, opens)
        said_by = cue.speaker


def plain(text: str) -> str:
    """A cue's text without its formatting: `<i>`, `<c.yellow>`, `{\\an8}`, and with its character references read."""
    text = _TAG.sub("", text)
    return html.unescape(text) if "&" in text else text


def _label(line: str) -> tuple[bool, str | None, str]:
    """`>> НАТАЛЯ: Так.` is a turn, a name, and what is said. A capitalised word before a colon is no name yet."""
    match = _LABEL.match(line)
    if match is None:
        return False, None, line
    turn, name = bool(match["turn"]), match["name"]
    if name is not None and not _is_name(name, is_turn=turn):
        return turn, None, line[match.end("turn") if turn else 0 :].strip()
    return turn, name, line[match.end() :].strip()


def _is_name(name: str, *, is_turn: bool) -> bool:
    words = name.split()
    if name.isupper():
        return len(name) > 1
    capitalised = all(word[0].isupper() for word in words)
    return capitalised and (is_turn or len(words) > 1)


def _cleaned(cue: Cue, keep_sounds: bool) -> Cue:
    lines = (" ".join(line.split()) for line in cue.lines)
    if not keep_sounds:
        lines = (_without_sounds(line) for line in lines)
    ends = cue.ends if cue.ends >= cue.begins else cue.begins
    return cue._replace(lines=tuple(line for line in lines if line.strip("-–—> ")), ends=ends)


def _without_sounds(line: str) -> str:
    if "[" in line:
        line = _BRACKETED.sub(" ", line)
    if "(" in line:
        line = "" if _ALONE.match(line) else _SOUND.sub(" ", line)
    return " ".join(_NOTES.sub(" ", line).split())


def _unrolled(cues: list[Cue]) -> Iterator[Cue]:
    """Automatic captions without the lines that each cue repeats from the one before."""
    repeats = sum(
        _repeated(before.lines, cue.lines) > 0 or _grows(before.lines, cue.lines)
        for before, cue in itertools.pairwise(cues)
    )
    if repeats < max(_ROLLING_LEAST, _ROLLING_SHARE * (len(cues) - 1)):
        yield from cues
        return
    shown: tuple[str, ...] = ()
    for cue in cues:
        new = cue.lines[_repeated(shown, cue.lines) :]
        if _grows(shown, new):
            new = (new[0][len(shown[-1]) + 1 :], *new[1:])
        shown = cue.lines
        if new:
            yield cue._replace(lines=new)


def _repeated(before: tuple[str, ...], lines: tuple[str, ...]) -> int:
    """How many of the first lines are the last ones of the cue before."""
    for count in range(min(len(before), len(lines), 4), 0, -1):
        if before[-count:] == lines[:count]:
            return count
    return 0


def _grows(before: tuple[str, ...], lines: tuple[str, ...]) -> bool:
    """Whether the line shown last goes on by some words, as live captions do."""
    return bool(before and lines) and lines[0].startswith(before[-1] + " ")
