"""WebVTT subtitles (https://www.w3.org/TR/webvtt1/): blocks with times and text, voices in `<v Name>`."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from pipeline.readers.cues import Cue, pieces, plain
from pipeline.readers.encoding import decode
from pipeline.readers.hint import Hint
from pipeline.readers.language import base_language
from pipeline.readers.rejected import Rejected
from pipeline.readers.stretches import speakers_of, text_and_segments
from pipeline.readers.subrip import seconds
from pipeline.transcript import Transcript

_TIME = r"(?:(\d{1,6}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,3}))?"
_TIMES = re.compile(rf"[ \t]{{0,9}}{_TIME}[ \t]{{0,9}}-->[ \t]{{0,9}}{_TIME}")
_VOICE = re.compile(r"<v(?:\.[^\s<>]{0,60})?[ \t]{1,9}([^<>\n]{1,100})>|</v>")
_HEADER = re.compile(r"^(language|title)[ \t]{0,9}:[ \t]{0,9}(.{1,200})$", re.IGNORECASE | re.MULTILINE)


def read(data: bytes, hint: Hint, *, keep_sounds: bool = False) -> Transcript:
    """One recording's subtitles. `keep_sounds`: see cues.pieces. Raises Rejected."""
    source = decode(data, hint.charset).removeprefix("\ufeff")
    header, _, body = source.partition("\n\n")
    if _TIMES.search(header):  # a file that forgets the empty line, or the first line
        header, body = "", source
    said = {key.lower(): value.strip() for key, value in _HEADER.findall(header)}
    text, segments = text_and_segments(pieces(_cues(body), keep_sounds=keep_sounds))
    return Transcript(
        text=text,
        format="webvtt",
        title=said.get("title") or hint.fallback_title,
        language=base_language(said.get("language")),
        url=hint.url,
        segments=segments,
        speakers=speakers_of(segments),
    )


def _cues(text: str) -> Iterator[Cue]:
    times: tuple[float, float] | None = None
    lines: list[str] = []
    has_any = False
    for line in (*text.split("\n"), ""):
        match = _TIMES.match(line)
        if match is not None or (times is not None and not line.strip()):
            if times is not None:
                yield from _voices(*times, "\n".join(lines))
            times, lines = None, []
        if match is not None:
            has_any = True
            times = (seconds(*match.groups()[:4]), seconds(*match.groups()[4:]))
        elif times is not None:
            lines.append(line)
    if not has_any and text.strip():
        raise Rejected("not-subtitles", "no line of it says from when to when, as in 00:01.000 --> 00:02.500")


def _voices(begins: float, ends: float, text: str) -> Iterator[Cue]:
    """A cue of several voices is several cues that share its time by their length."""
    spans: list[tuple[str | None, str]] = []
    voice, at = None, 0
    for match in _VOICE.finditer(text):
        spans.append((voice, text[at : match.start()]))
        voice, at = (html.unescape(match[1]).strip() or None) if match[1] else None, match.end()
    spans.append((voice, text[at:]))
    spoken = [(voice, plain(part)) for voice, part in spans if part.strip()]
    total = sum(len(part) for _, part in spoken) or 1
    at = 0
    for voice, part in spoken:
        share = [begins + (ends - begins) * edge / total for edge in (at, at + len(part))]
        at += len(part)
        yield Cue(share[0], share[1], tuple(part.split("\n")), voice)
