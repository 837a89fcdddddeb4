"""Parliamentary transcripts in TEI as ParlaMint has them (https://clarin-eric.github.io/parla-clarin/): who says what.

Utterances (`u`) become segments, one for each paragraph (`seg`); what is not said (notes, incidents, gestures, gaps) is
dropped. The annotated files (`.ana`) have words (`w`, `pc`) in place of text and are put together again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from lxml import etree

from pipeline.readers.dates import date_if_any
from pipeline.readers.hint import Hint
from pipeline.readers.language import base_language
from pipeline.readers.rejected import Rejected
from pipeline.readers.stretches import speakers_of
from pipeline.readers.xml import LANG, XML_ID, local, parse, written
from pipeline.transcript import Segment, Transcript

_UNSAID = {"note", "incident", "kinesic", "vocal", "gap", "desc", "head", "media", "pause", "linkGrp", "figure"}
_PARAGRAPHS = ("seg", "p", "ab", "l")
_TEXT_ONLY = re.compile(r"\s+")


def read(data: bytes, hint: Hint) -> Iterator[Transcript | Rejected]:
    """One transcript for each TEI of a file: a sitting, or the sittings of a corpus in one file. Raises Rejected."""
    root = parse(data, hint.charset)
    sittings = [root] if local(root) in {"TEI", "TEI.2"} else [each for each in root if local(each) == "TEI"]
    if not sittings:
        raise Rejected("not-a-transcript", f"the root is <{local(root)}>, and there is no <TEI> in it")
    persons = _persons(root)  # a corpus lists them once for all
    for sitting in sittings:
        yield _sitting(sitting, persons if sitting is root else persons | _persons(sitting), hint)


def _sitting(tei: etree._Element, persons: dict[str, str], hint: Hint) -> Transcript:
    language = base_language(tei.get(LANG))
    parts: list[str] = []
    segments: list[Segment] = []
    at = 0
    for text, who, tongue in _said(tei):
        parts.append(text)
        speaker = persons.get(who, who) or None
        segments.append(
            Segment(at, at + len(text), speaker, language=tongue if tongue not in {None, language} else None)
        )
        at += len(text) + 2
    if not parts:
        parts = [text for body in tei.iter("{*}body") if (text := _words(body))]
    return Transcript(
        text="\n\n".join(parts),
        format="tei",
        title=_title(tei, language) or hint.fallback_title,
        source=_first(tei, "sourceDesc", "publisher") or "local",
        language=language,
        published=_date(tei),
        url=_address(tei) or hint.url,
        guid=tei.get(XML_ID) or None,
        speakers=speakers_of(segments),
        segments=tuple(segments),
    )


def _said(tei: etree._Element) -> Iterator[tuple[str, str, str | None]]:
    """Text, speaker's id, and language of every paragraph of every utterance."""
    outer = base_language(tei.get(LANG))
    for utterance in tei.iter("{*}u"):
        who = next(iter(utterance.get("who", "").split()), "").rpartition("#")[2].rpartition(":")[2]
        of_utterance = base_language(utterance.get(LANG)) or outer
        paragraphs = [child for child in utterance if local(child) in _PARAGRAPHS]
        for each in paragraphs or [utterance]:
            if text := _words(each):
                yield text, who, base_language(each.get(LANG)) or of_utterance


def _words(element: etree._Element) -> str:
    """What is said in an element: its text without what is not said, or its words joined as they were."""
    if next(element.iter("{*}w"), None) is not None:
        return _joined(element)
    parts: list[str] = []
    silent = 0
    for event, each in etree.iterwalk(element, events=("start", "end", "comment", "pi")):
        if event in {"comment", "pi"}:
            parts.append((each.tail or "") if not silent else "")
            continue
        if event == "start":
            silent += local(each) in _UNSAID
            parts.append((each.text or "") if not silent else "")
            continue
        silent -= local(each) in _UNSAID
        if each is not element and not silent:
            # Paragraphs within what has no paragraphs of its own.
            parts.append(("\n" if local(each) in _PARAGRAPHS else " " * (local(each) in _UNSAID)) + (each.tail or ""))
    return " ".join("".join(parts).split())


def _joined(element: etree._Element) -> str:
    parts: list[str] = []
    for token in element.iter("{*}w", "{*}pc"):
        parent = token.getparent()
        if parent is not None and local(parent) == "w":  # the syntactic words of one written word
            continue
        parts.append(_TEXT_ONLY.sub(" ", token.text or "").strip())
        parts.append("" if token.get("join") in {"right", "both"} else " ")
    return "".join(parts).strip()


def _persons(root: etree._Element) -> dict[str, str]:
    """`xml:id` of a person to forename and surname, as far as the file lists them."""
    names: dict[str, str] = {}
    for person in root.iter("{*}person"):
        name = next((child for child in person if local(child) == "persName"), None)
        if name is None:
            continue
        given = [written(child) for child in name if local(child) == "forename"]
        family = [written(child) for child in name if local(child) in {"surname", "nameLink"}]
        full = " ".join(" ".join([*given, *family] or [written(name)]).split())
        if full:
            names[person.get(XML_ID, "")] = full
    names.pop("", None)
    return names


def _title(tei: etree._Element, language: str | None) -> str:
    """The main title in the language of the text, else the first."""
    titles = [title for statement in tei.iter("{*}titleStmt") for title in statement if local(title) == "title"]
    main = [title for title in titles if title.get("type") in {None, "main"}]
    ours = [title for title in main or titles if base_language(title.get(LANG)) in {None, language}]
    return " ".join(written(title).split()) if (title := next(iter(ours or main or titles), None)) is not None else ""


def _date(tei: etree._Element) -> datetime | None:
    """Of the sitting, or of its source. When the file itself was made is another matter."""
    for holder in ("setting", "sourceDesc"):
        for each in tei.iter(f"{{*}}{holder}"):
            for date in each.iter("{*}date"):
                if (when := date_if_any(date.get("when") or date.get("from"))) is not None:
                    return when
    return None


def _first(tei: etree._Element, holder: str, name: str) -> str:
    found = (each for outer in tei.iter(f"{{*}}{holder}") for each in outer.iter(f"{{*}}{name}"))
    return " ".join(written(first).split()) if (first := next(found, None)) is not None else ""


def _address(tei: etree._Element) -> str | None:
    for source in tei.iter("{*}sourceDesc"):
        for number in source.iter("{*}idno"):
            if (address := written(number).strip()).startswith(("http://", "https://")):
                return address
    return None
