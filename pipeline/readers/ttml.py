"""TTML subtitles (https://www.w3.org/TR/ttml2/): `p` elements with begin, end or dur, and agents who speak."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from lxml import etree

from pipeline.readers.cues import Cue, pieces
from pipeline.readers.hint import Hint
from pipeline.readers.language import base_language
from pipeline.readers.rejected import Rejected
from pipeline.readers.stretches import speakers_of, text_and_segments
from pipeline.readers.xml import LANG, XML_ID, attributes, local, parse, written
from pipeline.transcript import Transcript

# Old files (DFXP, SMPTE-TT) have other namespaces for the same names, so that names are taken without them.
_CLOCK = re.compile(r"(\d{2,6}):(\d{2}):(\d{2})(?:(\.\d{1,9})|[:;](\d{1,6})(?:\.\d{1,6})?)?")
_OFFSET = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(h|ms|m|s|f|t)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_SILENT = {"metadata", "set", "image", "audio", "animate"}


class _Rates(NamedTuple):
    """What a frame and a tick are: attributes of the root."""

    frame: float
    tick: float


class _Span(NamedTuple):
    """What holds for an element and everything within it."""

    begins: float
    ends: float | None
    speaker: str | None
    language: str | None


def read(data: bytes, hint: Hint, *, keep_sounds: bool = False) -> Transcript:
    """One recording's subtitles. `keep_sounds`: see cues.pieces. Raises Rejected."""
    root = parse(data, hint.charset)
    body = next((child for child in root if local(child) == "body"), None)
    if local(root) != "tt":
        raise Rejected("not-subtitles", f"the root is <{local(root)}>, not <tt>")
    language = base_language(root.get(LANG))
    cues = [] if body is None else list(_cues(body, _rates(root), _agents(root), _Span(0.0, None, None, language)))
    cues = [cue._replace(language=None if cue.language == language else cue.language) for cue in cues]
    text, segments = text_and_segments(pieces(cues, keep_sounds=keep_sounds))
    title = next((written(each).strip() for each in root.iter("{*}title")), "")
    return Transcript(
        text=text,
        format="ttml",
        title=title or hint.fallback_title,
        language=language,
        url=hint.url,
        segments=segments,
        speakers=speakers_of(segments),
    )


def _rates(root: etree._Element) -> _Rates:
    said = attributes(root)
    numerator, _, denominator = (said.get("frameRateMultiplier") or "1 1").replace(":", " ").partition(" ")
    rate = _number(said.get("frameRate"), 30.0) * _number(numerator, 1.0) / _number(denominator, 1.0)
    # By the specification: ticks are frames where a frame rate is given, else seconds.
    tick = _number(said.get("tickRate"), rate * _number(said.get("subFrameRate"), 1.0) if "frameRate" in said else 1.0)
    return _Rates(rate, tick)


def _number(text: str | None, default: float) -> float:
    try:
        number = float((text or "").strip()[:20])
    except ValueError:
        return default
    return number if 1e-6 < number < 1e9 else default


def _agents(root: etree._Element) -> dict[str, str]:
    """`xml:id` of an agent to the name it gives."""
    return {
        agent.get(XML_ID, ""): " ".join(name.split())
        for agent in root.iter("{*}agent")
        if (name := next((written(child) for child in agent if local(child) == "name"), "")).strip()
    }


def _cues(element: etree._Element, rates: _Rates, agents: dict[str, str], outer: _Span) -> Iterator[Cue]:
    """The cues of a body, div or p, in order. Times within a container count from where it begins."""
    if len(element) == 0 and not (element.text or "").strip():
        return
    span = _span(element, rates, agents, outer)
    if local(element) == "p":
        yield from _spoken(element, rates, agents, span)
        return
    is_sequence = element.get("timeContainer") == "seq"
    at = span.begins
    for child in element:
        if isinstance(child.tag, str) and local(child) not in _SILENT:
            found = list(_cues(child, rates, agents, span._replace(begins=at)))
            yield from found
            if is_sequence and found:
                at = found[-1].ends


def _spoken(p: etree._Element, rates: _Rates, agents: dict[str, str], span: _Span) -> Iterator[Cue]:
    """A paragraph is a cue; its spans are cues of their own where they have times or speakers of their own."""
    if not any(_is_own(child) for child in p if local(child) == "span"):
        yield _cue(_text(p), span)
        return
    if (p.text or "").strip():
        yield _cue(p.text or "", span)
    for child in p:
        if isinstance(child.tag, str) and local(child) not in _SILENT:
            yield _cue("\n" if local(child) == "br" else _text(child), _span(child, rates, agents, span))
        if (child.tail or "").strip():
            yield _cue(child.tail or "", span)


def _is_own(element: etree._Element) -> bool:
    return not attributes(element).keys().isdisjoint({"begin", "end", "dur", "agent"})


def _cue(text: str, span: _Span) -> Cue:
    ends = span.begins if span.ends is None else span.ends
    return Cue(span.begins, ends, tuple(text.split("\n")), span.speaker, span.language)


def _span(element: etree._Element, rates: _Rates, agents: dict[str, str], outer: _Span) -> _Span:
    if not element.attrib:
        return outer
    said = attributes(element)
    begin, end, duration = (_seconds(said.get(name), rates) for name in ("begin", "end", "dur"))
    begins = outer.begins + (begin or 0.0)
    ends = [outer.begins + end] if end is not None else []
    ends += [begins + duration] if duration is not None else []
    ends += [outer.ends] if outer.ends is not None else []
    agent = next((agents[name] for name in said.get("agent", "").split() if name in agents), None)
    language = base_language(element.get(LANG)) or outer.language
    return _Span(begins, min(ends) if ends else None, agent or outer.speaker, language)


def _seconds(text: str | None, rates: _Rates) -> float | None:
    text = (text or "").strip()
    if (clock := _CLOCK.fullmatch(text)) is not None:
        hours, minutes, full, fraction, frames = clock.groups()
        whole = int(hours) * 3600 + int(minutes) * 60 + int(full)
        return whole + float(fraction or 0) + int(frames or 0) / rates.frame
    if (offset := _OFFSET.fullmatch(text)) is not None:
        number, unit = float(offset[1]), offset[2]
        return number / rates.frame if unit == "f" else number / rates.tick if unit == "t" else number * _UNITS[unit]
    return None


def _text(element: etree._Element) -> str:
    """The words with a line feed for each `br`. Line ends in the file are only spaces."""
    if len(element) == 0:
        return (element.text or "").replace("\n", " ")
    parts: list[str] = []
    for event, each in etree.iterwalk(element, events=("start", "end")):
        if not isinstance(each.tag, str) or local(each) in _SILENT:
            parts.append((each.tail or "") if event == "end" and each is not element else "")
        elif event == "start":
            parts.append("\n" if local(each) == "br" else " ".join((each.text or "").split("\n")))
        elif each is not element:
            parts.append(" ".join((each.tail or "").split("\n")))
    return "".join(parts)
