"""Which format bytes are in: by the content first, then by the declared media type, then by the file's name.

Senders are often wrong about types and seldom about content: many feeds are served as text/html, and every kind of
file is called .txt. So a mark in the content wins, and what is said decides only where there is no mark.
"""

from __future__ import annotations

import re

import msgspec

from pipeline.readers import encoding
from pipeline.readers.formats import FORMATS, Format, by_media_type, by_suffix, suffixes
from pipeline.readers.hint import Hint
from pipeline.readers.rejected import Rejected

# As much of a file as is looked at.
HEAD = 65_536
# Files that are no text, by their first bytes. They are named, so that whoever sends them knows what he sent.
_BINARIES = {
    b"\x89PNG": "a PNG picture", b"\xff\xd8\xff": "a JPEG picture", b"GIF8": "a GIF picture", b"%PDF": "a PDF",
    b"PK\x03\x04": "a ZIP archive or an office document", b"\xd0\xcf\x11\xe0": "an old office document",
    b"ID3": "an MP3 recording", b"OggS": "an Ogg recording", b"fLaC": "a FLAC recording", b"RIFF": "a WAV or AVI file",
    b"\x1aE\xdf\xa3": "a Matroska or WebM recording", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"7z\xbc\xaf": "a 7z archive",
    b"\x7fELF": "a program", b"SQLite format 3": "a database", b"{\\rtf": "a rich text document",
}  # fmt: skip
_OBJECT = re.compile(r'\{\s*["}]')
_SRT = re.compile(r"\s{0,99}(?:\d{1,9}[ \t]{0,9}\r?\n)?\s{0,9}\d{1,3}:\d\d:\d\d[,.]\d{1,3}[ \t]{0,9}-->")
_HTML = re.compile(r"<(?:!doctype\s+html|html|head|body)[\s>]", re.IGNORECASE)
_ROOT = re.compile(r"<(?:[A-Za-z_][\w.-]{0,60}:)?([A-Za-z_][\w.-]{0,60})[\s/>]")
_PREAMBLES = (("<?", "?>"), ("<!--", "-->"), ("<!DOCTYPE", ">"), ("<!doctype", ">"))
_ROOTS = {
    "rss": "feed", "feed": "feed", "RDF": "feed", "tt": "ttml", "TEI": "tei", "teiCorpus": "tei", "TEI.2": "tei",
    "html": "html", "HTML": "html",
}  # fmt: skip
_JSON_FEED = b'"https://jsonfeed.org/version/'


def detect(head: bytes, hint: Hint) -> Format:
    """The format by the first `HEAD` bytes; "json" stands for any one JSON object. Raises Rejected."""
    said = by_media_type(hint.media_type) or by_suffix(hint.name)
    if (name := _by_content(head)) is not None:
        is_lines = name == "json" and said is FORMATS["jsonl"] and not _is_spread(head)
        return FORMATS["jsonl" if is_lines else name]
    for magic, what in _BINARIES.items():
        if head.startswith(magic) and (b"\x00" in head or not magic.isalnum()):
            raise Rejected("unknown-format" if said is None else "binary", f"it is {what}")
    if said is not None and said.name == "warc":
        raise Rejected("unreadable", "it does not begin with WARC/")
    if said is not None:
        return said
    if _may_be_text(hint):
        return FORMATS["text"]
    given = f"{hint.name} ({hint.media_type})" if hint.name and hint.media_type else hint.name or hint.media_type
    raise Rejected("unknown-format", f"{given} is none of {', '.join(suffixes())}, and nothing in it is known")


def kind_of_json(data: str | bytes) -> str:
    """What one JSON object is, by the keys that only that format has: `feed`, `whisper`, `ninjs`, else `json`."""
    try:
        form = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return "json"  # whose reader says what is wrong
    if bytes(form.get("version", b"")).replace(b"\\/", b"/").startswith(_JSON_FEED):  # PHP escapes slashes
        return "feed"
    if _has_segments_with_text(form):
        return "whisper"
    if "uri" in form and not form.keys().isdisjoint(_NINJS):
        return "ninjs"
    return "json"


# Of versions 1, 2 and 3: https://iptc.org/standards/ninjs/
_NINJS = {
    "bodies", "body_text", "body_xhtml", "body_html", "headlines", "headline", "versioncreated", "versionCreated",
    "pubstatus", "pubStatus", "representationtype", "representationType",
}  # fmt: skip


class _Segment(msgspec.Struct, gc=False):
    text: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def _has_segments_with_text(form: dict[str, msgspec.Raw]) -> bool:
    try:
        segments = msgspec.json.decode(form["segments"], type=list[_Segment])
    except (KeyError, msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return bool(segments) and segments[0].text is not msgspec.UNSET


def _by_content(head: bytes) -> str | None:
    if head.startswith(b"WARC/"):
        return "warc"
    text = encoding.preview(head).lstrip("\ufeff")
    if text.startswith("WEBVTT") and text[6:7] in {"", " ", "\t", "\n", "\r"}:
        return "webvtt"
    if _SRT.match(text):
        return "srt"
    text = text.lstrip()
    if text.startswith("{"):
        return _json(text)
    return _markup(text) if text.startswith("<") else None


def _json(text: str) -> str | None:
    """`jsonl` when the first line is an object and another follows, `json` when it looks like one object."""
    line, _, rest = text.partition("\n")
    if rest.lstrip().startswith("{") and _is_object(line):
        return "jsonl"
    return "json" if _OBJECT.match(text) else None


def _is_spread(head: bytes) -> bool:
    """Whether one object takes several lines, so that it cannot be JSON Lines. A long first line may go on."""
    line, newline, rest = head.lstrip().partition(b"\n")
    return bool(newline and rest.strip()) and not _is_object(line)


def _is_object(line: str | bytes) -> bool:
    data = line.encode("latin-1", "replace") if isinstance(line, str) else line
    try:
        msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def _markup(text: str) -> str | None:
    at, is_xml = 0, text.startswith("<?xml")
    while (end := _preamble(text, at)) is not None:
        at = end
    if _HTML.match(text, at):
        return "html"
    root = _ROOT.match(text, at)
    if root is None:
        return None
    if root[1] in _ROOTS:
        return _ROOTS[root[1]]
    if is_xml:
        raise Rejected("unknown-format", f"XML with the root <{root[1]}>, which no reader is for")
    return None


def _preamble(text: str, at: int) -> int | None:
    """Where the declaration, comment or document type at `at` ends with the space after it; None where none begins."""
    stop = next((stop for begin, stop in _PREAMBLES if text.startswith(begin, at)), None)
    if stop is None or _HTML.match(text, at):
        return None
    if stop == ">" and "[" in text[at : text.find(">", at)]:
        stop = "]>"
    end = text.find(stop, at)
    if end < 0:
        return None
    end += len(stop)
    while end < len(text) and text[end].isspace():
        end += 1
    return end


def _may_be_text(hint: Hint) -> bool:
    """Text has no mark. It is taken for one when its type says so, or when nobody says anything."""
    essence = (hint.media_type or "").partition(";")[0].strip().lower()
    return essence.startswith("text/") or (not hint.name and essence in {"", "application/octet-stream"})
