"""One transcript as a JSON object: `text`, and optionally guid or id, title, date, speakers, url, source, language,
and segments that say who speaks when in which stretch of the text."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import msgspec

from pipeline.readers.dates import parse_date
from pipeline.readers.encoding import decode
from pipeline.readers.hint import Hint
from pipeline.readers.language import named
from pipeline.readers.rejected import Rejected
from pipeline.transcript import Segment, Transcript

Form = TypeVar("Form")


class _Segment(msgspec.Struct):
    start: int
    end: int
    speaker: str | None = None
    begins: float | None = None
    ends: float | None = None
    language: str | None = None
    confidence: Any = None  # whatever a sender means by it: it counts when it is a share

    def segment(self) -> Segment:
        said = self.confidence
        share = float(said) if isinstance(said, int | float) and not isinstance(said, bool) and 0 <= said <= 1 else None
        return Segment(self.start, self.end, self.speaker, self.begins, self.ends, self.language, share)


class _Form(msgspec.Struct):
    """Fields that are not named here are the sender's own and are left alone."""

    text: str
    guid: str | None = None
    id: str | int | None = None
    title: str | None = None
    date: str | None = None
    speakers: list[str] | None = None
    url: str | None = None
    source: str | None = None
    language: str | None = None
    segments: list[_Segment] | None = None


def read(data: bytes, hint: Hint) -> Transcript:
    """One transcript. Raises Rejected."""
    form = decode_json(data, hint, _Form, "expected an object with text, and title, date, speakers")
    segments = tuple(each.segment() for each in form.segments or ())
    _check(segments, form.text)
    text, segments = _with_line_feeds(form.text, segments)
    named_in_segments = dict.fromkeys(segment.speaker for segment in segments if segment.speaker)
    return Transcript(
        text=text,
        format="json",
        title=form.title or hint.fallback_title,
        source=form.source or "local",
        language=named(form.language),
        published=parse_date(form.date) if form.date else None,
        url=form.url or hint.url,
        guid=form.guid or (str(form.id) if form.id not in {None, ""} else None),
        speakers=tuple(form.speakers) if form.speakers else tuple(named_in_segments),
        segments=segments,
    )


def decode_json(data: bytes, hint: Hint, form: type[Form], expected: str) -> Form:
    """JSON in any encoding as a typed object. Raises Rejected."""
    text = decode(data, hint.charset)
    try:
        return msgspec.json.decode(text.removeprefix("\ufeff"), type=form)
    except msgspec.ValidationError as error:
        raise Rejected("not-a-transcript", f"{error}; {expected}") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Rejected("unreadable", f"not valid JSON: {error}") from error


def _check(segments: tuple[Segment, ...], text: str) -> None:
    end = 0
    for number, segment in enumerate(segments):
        if not end <= segment.start <= segment.end <= len(text):
            raise Rejected(
                "bad-segments",
                f"segment {number} is [{segment.start}, {segment.end}); segments have to be in order, not overlap, and "
                f"end within the text's {len(text)} code points",
            )
        end = segment.end
        times = [time for time in (segment.begins, segment.ends) if time is not None]
        if any(not math.isfinite(time) or time < 0 for time in times) or times != sorted(times):
            raise Rejected("bad-segments", f"segment {number} lasts from {segment.begins} to {segment.ends} s")


def _with_line_feeds(text: str, segments: tuple[Segment, ...]) -> tuple[str, tuple[Segment, ...]]:
    """Every kind of line end as a line feed. The offsets of segments follow the text."""
    if "\r" not in text:
        return text, segments
    clean = text.replace("\r\n", "\n").replace("\r", "\n")
    moved, at, pairs = [], 0, 0
    for segment in segments:  # in order, so that each part of the text is looked at once
        pairs += text.count("\r\n", max(at - 1, 0), segment.start)
        start = segment.start - pairs
        pairs += text.count("\r\n", max(segment.start - 1, 0), segment.end)
        moved.append(msgspec.structs.replace(segment, start=start, end=segment.end - pairs))
        at = segment.end
    return clean, tuple(moved)
