"""SubRip subtitles (.srt): a number, a line of times, lines of text, an empty line.

https://www.loc.gov/preservation/digital/formats/fdd/fdd000569.shtml. Read by the lines of times, because numbers are
missing and empty lines are where they should not be in many files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.readers.cues import Cue, pieces, plain
from pipeline.readers.encoding import decode
from pipeline.readers.hint import Hint
from pipeline.readers.rejected import Rejected
from pipeline.readers.stretches import speakers_of, text_and_segments
from pipeline.transcript import Transcript

_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})(?:[,.](\d{1,3}))?"
_TIMES = re.compile(rf"\s{{0,9}}{_TIME}\s{{0,9}}-->\s{{0,9}}{_TIME}")
_NUMBER = re.compile(r"\s{0,9}\d{1,9}\s{0,9}$")


def read(data: bytes, hint: Hint, *, keep_sounds: bool = False) -> Transcript:
    """One recording's subtitles. `keep_sounds`: see cues.pieces. Raises Rejected."""
    text, segments = text_and_segments(pieces(_cues(decode(data, hint.charset)), keep_sounds=keep_sounds))
    return Transcript(
        text=text,
        format="srt",
        title=hint.fallback_title,
        url=hint.url,
        segments=segments,
        speakers=speakers_of(segments),
    )


def _cues(text: str) -> Iterator[Cue]:
    times: tuple[float, float] | None = None
    lines: list[str] = []
    for line in text.split("\n"):
        match = _TIMES.match(line)
        if match is None:
            lines.append(line)
            continue
        if times is not None:
            yield _cue(times, lines, is_last=False)
        times, lines = (seconds(*match.groups()[:4]), seconds(*match.groups()[4:])), []
    if times is None:
        raise Rejected("not-subtitles", "no line of it says from when to when, as in 00:00:01,000 --> 00:00:02,500")
    yield _cue(times, lines, is_last=True)


def _cue(times: tuple[float, float], lines: list[str], *, is_last: bool) -> Cue:
    if not is_last:  # the number of the next cue, under the empty line that ends this one
        while lines and not lines[-1].strip():
            lines.pop()
        if lines and _NUMBER.match(lines[-1]) and (len(lines) == 1 or not lines[-2].strip()):
            lines.pop()
    return Cue(*times, tuple(plain("\n".join(lines)).split("\n")))


def seconds(hours: str | None, minutes: str, full: str, fraction: str | None) -> float:
    """`01:02:03,5` is 3723.5: what is missing of a fraction are its last digits."""
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(full) + int((fraction or "0").ljust(3, "0")) / 1000
