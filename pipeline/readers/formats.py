"""The formats that are read: their names, by what they are known, and the module that reads each.

A module is imported when the first document of its format comes: a command that reads subtitles does not load what
takes web pages apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import PurePath
from types import ModuleType
from typing import NamedTuple

from pipeline.readers.compressed import SUFFIXES as COMPRESSED
from pipeline.readers.hint import Hint, Limits
from pipeline.readers.rejected import Rejected
from pipeline.transcript import Transcript


@cache
def _module(name: str) -> ModuleType:
    return import_module(f"pipeline.readers.{name}")


class Format(NamedTuple):
    """One format. A reader's module has `read(data, hint)`, which gives one Transcript or an iterator of them and of
    what was rejected; a container's has `items(stream, hint, limits)` instead."""

    name: str
    module: str
    suffixes: tuple[str, ...]
    media_types: tuple[str, ...]
    # How many times larger than its text a file may be: times, tags and attributes around the words.
    markup: int = 1
    is_container: bool = False
    has_sounds: bool = False  # its `read` has `keep_sounds`, too

    def read(self, data: bytes, hint: Hint, limits: Limits) -> Iterator[Transcript | Rejected]:
        """What one document's bytes hold. May raise Rejected at any step, which ends it."""
        options = {"keep_sounds": limits.keep_sounds} if self.has_sounds else {}
        found = _module(self.module).read(data, hint, **options)
        if isinstance(found, Transcript):
            yield found
        else:
            yield from found

    def most_bytes(self, limits: Limits) -> int:
        return limits.document_bytes * self.markup


FORMATS: Mapping[str, Format] = {
    each.name: each
    for each in (
        Format("text", "plain_text", (".txt",), ("text/plain",)),
        Format("json", "transcript_json", (".json",), ("application/json", "text/json"), markup=4),
        Format(
            "srt",
            "subrip",
            (".srt",),
            ("application/x-subrip", "text/srt", "text/x-srt"),
            markup=4,
            has_sounds=True,
        ),
        Format("webvtt", "webvtt", (".vtt",), ("text/vtt",), markup=4, has_sounds=True),
        Format("whisper", "whisper", (), (), markup=20),
        Format(
            "ttml",
            "ttml",
            (".ttml", ".dfxp"),
            ("application/ttml+xml", "application/ttaf+xml"),
            markup=8,
            has_sounds=True,
        ),
        Format("tei", "tei", (".tei", ".xml"), ("application/tei+xml", "application/xml", "text/xml"), markup=20),
        Format("html", "html_page", (".html", ".htm", ".xhtml"), ("text/html", "application/xhtml+xml"), markup=3),
        Format("ninjs", "ninjs", (), ("application/vnd.iptc.ninjs+json",), markup=4),
        Format(
            "feed",
            "feed",
            (".rss", ".atom"),
            ("application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/feed+json"),
            markup=8,
        ),
        Format(
            "jsonl",
            "json_lines",
            (".jsonl", ".ndjson"),
            ("application/jsonl", "application/x-ndjson", "application/x-jsonlines", "application/jsonlines"),
            is_container=True,
        ),
        Format("warc", "warc", (".warc",), ("application/warc",), is_container=True),
    )
}
_BY_SUFFIX = {suffix: each for each in FORMATS.values() for suffix in each.suffixes}
_BY_MEDIA_TYPE = {media_type: each for each in FORMATS.values() for media_type in each.media_types}


def by_suffix(name: str) -> Format | None:
    """`speech.srt` and `speech.srt.gz` give the same."""
    return _BY_SUFFIX.get(PurePath(uncompressed(name)).suffix.lower())


def by_media_type(media_type: str | None) -> Format | None:
    """Without its parameters; a suffix such as `+json` stands for a type that is not known itself (RFC 6839)."""
    essence = (media_type or "").partition(";")[0].strip().lower()
    if essence in _BY_MEDIA_TYPE:
        return _BY_MEDIA_TYPE[essence]
    return _BY_MEDIA_TYPE.get(f"application/{essence.rpartition('+')[2]}") if "+" in essence else None


def uncompressed(name: str) -> str:
    """A file's name without `.gz` or `.zst`."""
    path = PurePath(name)
    return str(path.with_suffix("")) if path.suffix.lower() in COMPRESSED and path.stem else name


def suffixes() -> list[str]:
    return list(_BY_SUFFIX)
