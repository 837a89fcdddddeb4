"""What speech recognition writes: the JSON of Whisper, faster-whisper and whisperX.

`segments` with start, end and text; whisperX adds `speaker` and the times of words, which are then used instead of
interpolating. https://github.com/openai/whisper, https://github.com/m-bain/whisperX
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from pipeline.readers.hint import Hint
from pipeline.readers.language import base_language
from pipeline.readers.stretches import Piece, confidence_of, speakers_of, text_and_segments
from pipeline.readers.transcript_json import decode_json
from pipeline.transcript import Transcript

# Whisper's own rule for silence, which not every program around it applies: it is likely that nobody speaks, and the
# words are unlikely. What is dropped by it are the phrases that the model invents for silence («Дякую за перегляд!»).
# A segment that is only one of the two stays: music under speech is the one, a dialect is the other.
_NO_SPEECH_PROBABILITY = 0.6
_AVERAGE_LOG_PROBABILITY = -1.0


class _Word(msgspec.Struct, gc=False):
    word: str
    start: float | None = None
    end: float | None = None
    speaker: str | None = None
    score: float | None = None  # whisperX's name for it
    probability: float | None = None  # Whisper's


class _Segment(msgspec.Struct):
    text: str
    start: float | None = None
    end: float | None = None
    speaker: str | None = None
    words: list[_Word] | None = None
    no_speech_prob: float | None = None
    avg_logprob: float | None = None


class _Form(msgspec.Struct):
    segments: list[_Segment]
    language: str | None = None


def read(data: bytes, hint: Hint) -> Transcript:
    """One recording. Raises Rejected."""
    form = decode_json(data, hint, _Form, "expected the segments of a speech recogniser, with text, start and end")
    text, segments = text_and_segments(_pieces(form.segments))
    return Transcript(
        text=text,
        format="whisper",
        title=hint.fallback_title,
        language=base_language(form.language),
        url=hint.url,
        segments=segments,
        speakers=speakers_of(segments),
    )


def _pieces(segments: list[_Segment]) -> Iterator[Piece]:
    for segment in segments:
        text = " ".join(segment.text.split())
        if not text or _is_silence(segment):
            continue
        if segment.words and _letters(text) == _letters("".join(word.word for word in segment.words)):
            yield from _words(segment, segment.words)
        else:
            times = _time(segment.start), _time(segment.end)
            yield Piece(text, *times, segment.speaker, confidence=_confidence(segment))


def _words(segment: _Segment, words: list[_Word]) -> Iterator[Piece]:
    """Numerals have no times of their own in whisperX; they stand at the end of the word before.

    Whisper's words begin with their space, and one without it is the rest of the word before; whisperX's have none.
    """
    has_spaces = any(word.word.startswith(" ") for word in words[1:])
    at = _time(segment.start)
    waiting: Piece | None = None
    for word in words:
        text = " ".join(word.word.split())
        begins = at if word.start is None else _time(word.start)
        at = begins if word.end is None else _time(word.end)
        if waiting is not None and has_spaces and not word.word.startswith(" "):
            both = confidence_of((waiting, Piece(text, begins, at, confidence=_confidence(segment, word))))
            waiting = waiting._replace(text=waiting.text + text, ends=at, confidence=both)
            continue
        if waiting is not None:
            yield waiting
        speaker, confidence = word.speaker or segment.speaker, _confidence(segment, word)
        waiting = Piece(text, begins, at, speaker, confidence=confidence) if text else None
    if waiting is not None:
        yield waiting


def _is_silence(segment: _Segment) -> bool:
    return (
        segment.no_speech_prob is not None
        and segment.avg_logprob is not None
        and segment.no_speech_prob > _NO_SPEECH_PROBABILITY
        and segment.avg_logprob < _AVERAGE_LOG_PROBABILITY
    )


def _confidence(segment: _Segment, word: _Word | None = None) -> float | None:
    """Of the word, else of the segment, whose log probability is the mean of its tokens'."""
    said = None if word is None else word.score if word.score is not None else word.probability
    if said is None and segment.avg_logprob is not None:
        said = math.exp(min(segment.avg_logprob, 0.0))
    return said if said is not None and 0 <= said <= 1 else None


def _letters(text: str) -> str:
    return "".join(text.split())


def _time(seconds: float | None) -> float | None:
    return seconds if seconds is not None and math.isfinite(seconds) and seconds >= 0 else None
