"""Dirty text made clean, with its segments where their words are.

What is mended is what no sender means: text decoded in the wrong encoding, character references left over, soft
hyphens and other invisible characters, stress marks, no-break and other odd spaces, line ends of other systems,
controls, letters taken apart into base and mark, words that mix Latin and Cyrillic look-alikes. Quotes, dashes,
ligatures and everything else that somebody may have meant stay as they are.

Most texts are clean, and one look with a regular expression says so.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterator

import msgspec
from ftfy import TextFixerConfig, fix_encoding
from ftfy.badness import is_bad

from pipeline.edits import Edit, apply
from pipeline.lookalikes import MEETING, WORD, in_one_script
from pipeline.transcript import Segment, Transcript

_ORDINARY = r" \n\tA-Za-z0-9А-Яа-яЁёІіЇїЄєҐґ.,:;!?'\"()\[\]{}«»„“”‘’ʼ…—–\-−/\\|+*=<>@#_%&$^~`№§©®™€₴£°•·→←×"
_UNUSUAL = re.compile(f"[^{_ORDINARY}]")
# What may be UTF-8 read as something else; ftfy, which costs more, decides. Letters of other languages are here, too.
_MAY_BE_MOJIBAKE = re.compile(
    "[\x80-\x9f¡-¦¨ª¬\xad¯±-¶¸-º¼-ÿĀ-žƒˆˇ˘-˝†‡‰‹›ЂЃЉ-ЏђѓљњћќўџЎЈѕјЅ\ufffd]|(?:[РС][Ѐ-ӿ\u2010-\u203a\xa0-\xbf№€]){2}"
)
# Read only where it is complete and known. `&amp;` before it may be repeated: each program on the way adds one.
_REFERENCE = re.compile(
    r"&(?:amp;|#0{0,4}38;|#[xX]0{0,4}26;){0,9}(?:"
    r"(?:nbsp|amp|lt|gt|quot|apos|laquo|raquo|ldquo|rdquo|bdquo|lsquo|rsquo|sbquo|ndash|mdash|minus|hellip|shy|copy|"
    r"reg|trade|deg|middot|bull|sect|euro|pound|times|thinsp|ensp|emsp|zwnj|zwj|zwsp|numero)"
    r"|#[0-9]{2,7}|#[xX][0-9a-fA-F]{2,6});"
)
_LINE_FEED = re.compile("\n")
_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]")
_SPACE = re.compile("[\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\xad\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064"
    "\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
    # A joiner between the parts of one emoji («👩‍🚀») is meant, and no other.
    "|(?<![\u2190-\u2bff\ufe0f\U0001f000-\U0001faff])\u200d|\u200d(?![\u2190-\u2bff\U0001f000-\U0001faff])"
)
_MARKED = re.compile("[^\u0300-\u036f\n]?[\u0300-\u036f]+")
_STRESS = frozenset("\u0300\u0301\u0340\u0341")
_VOWELS = frozenset("аеєиіїоуюяёыэАЕЄИІЇОУЮЯЁЫЭ")
# Nobody means more marks on one letter (Unicode's Stream-Safe Text Format has the same number).
_MOST_MARKS = 30
# A reference may hide another one, and mojibake both. What is not clean after this many rounds was made to be so.
_MOST_ROUNDS = 6
# ftfy's other repairs (quotes, ligatures, widths, escapes) are none of fix_encoding's, which only decodes anew.
_ENCODING_ONLY = TextFixerConfig(unescape_html=False)


def clean(transcript: Transcript) -> Transcript:
    """The transcript with clean text and title. The same object, when there is nothing to do. Never fails.

    Cleaning twice changes nothing more. Segments keep their words, their speakers and their times.
    """
    title = transcript.title and _cleaned(transcript.title, ())[0]
    text, segments = _cleaned(transcript.text, transcript.segments)
    if text == transcript.text and title == transcript.title:
        return transcript
    return msgspec.structs.replace(transcript, text=text, title=title, segments=segments)


def is_suspicious(text: str) -> bool:
    """Whether there may be something to mend: a quick look, 0.1 ms for 5 KB."""
    return bool(_UNUSUAL.search(text) or MEETING.search(text) or ("&" in text and _REFERENCE.search(text)))


def _cleaned(text: str, segments: tuple[Segment, ...]) -> tuple[str, tuple[Segment, ...]]:
    for _ in range(_MOST_ROUNDS):
        if not is_suspicious(text):
            break
        before = text
        text, segments = apply(text, segments, _decoded_anew(text, segments))
        for find in _STEPS:
            text, segments = apply(text, segments, find(text))
        if text == before:
            break
    return text, segments


def _decoded_anew(text: str, segments: tuple[Segment, ...]) -> Iterator[Edit]:
    """Mojibake, in parts: what is bad in one paragraph says nothing of the next, and a segment stays a segment."""
    if not _MAY_BE_MOJIBAKE.search(text):
        return
    edges = {position for segment in segments for position in (segment.start, segment.end)}
    edges.update(match.start() for match in _LINE_FEED.finditer(text))
    edges.add(len(text))
    at = 0
    for edge in sorted(edges):
        part = text[at:edge]
        if _MAY_BE_MOJIBAKE.search(part) and is_bad(part) and (fixed := fix_encoding(part, _ENCODING_ONLY)) != part:
            yield Edit(at, edge, fixed)
        at = edge


def _replaced(pattern: re.Pattern[str], new: Callable[[str], str]) -> Callable[[str], Iterator[Edit]]:
    def find(text: str) -> Iterator[Edit]:
        for match in pattern.finditer(text):
            if (replacement := new(match[0])) != match[0]:
                yield Edit(match.start(), match.end(), replacement)

    return find


def _read_reference(reference: str) -> str:
    """A reference to what is no character stays as it is."""
    last = "&" + re.split(r"[&;]", reference)[-2]
    if last.startswith("&#"):
        number = int(last[3:], 16) if last[2] in "xX" else int(last[2:])
        if number > 0x10FFFF or 0xD800 <= number < 0xE000 or (number < 0x20 and number not in {9, 10, 13}):
            return reference
    return html.unescape(last + ";")


def _without_stress(cluster: str) -> str:
    """«за́мок» is «замок»; и with its breve is й, as one character."""
    base = cluster[0] if not "\u0300" <= cluster[0] <= "\u036f" else ""
    marks = cluster[len(base) :]
    if base in _VOWELS:
        marks = "".join(mark for mark in marks if mark not in _STRESS)
    return unicodedata.normalize("NFC", base + marks[:_MOST_MARKS])


def _words_in_one_script(text: str) -> Iterator[Edit]:
    at = 0
    while (meeting := MEETING.search(text, at)) is not None:
        start = meeting.start()
        while start > at and WORD.match(text[start - 1]):
            start -= 1
        word = WORD.match(text, start)
        assert word is not None  # it begins with the letter that was found, or one before it
        if (unified := in_one_script(word[0])) != word[0]:
            yield Edit(word.start(), word.end(), unified)
        at = word.end()


_STEPS: tuple[Callable[[str], Iterator[Edit]], ...] = (
    _replaced(_REFERENCE, _read_reference),
    _replaced(_LINE_END, lambda _: "\n"),
    _replaced(_SPACE, lambda _: " "),
    _replaced(_INVISIBLE, lambda _: ""),
    _replaced(_MARKED, _without_stress),
    _words_in_one_script,
)
