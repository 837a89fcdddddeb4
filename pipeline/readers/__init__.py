"""Readers: one module per input format. Each turns bytes into Transcripts, or says why it cannot.

Which reader is chosen by the content, then by the declared media type, then by the file's name (`detect.py`). Any
format may be compressed by gzip or Zstandard, once. docs/formats.md describes every format.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

from pipeline.readers import compressed
from pipeline.readers.detect import HEAD, detect
from pipeline.readers.document import documents, too_large
from pipeline.readers.formats import FORMATS, Format, by_suffix, suffixes, uncompressed
from pipeline.readers.hint import Hint, Item, Limits
from pipeline.readers.rejected import Rejected
from pipeline.transcript import Transcript

__all__ = [
    "FORMATS", "Format", "Hint", "Item", "Limits", "Rejected", "files", "items", "items_of_path", "read", "read_path",
    "readable", "suffixes",
]  # fmt: skip


def read(stream: BinaryIO, hint: Hint, limits: Limits) -> Iterator[Transcript | Rejected]:
    """Every document of a stream, and what is wrong with those that cannot be read. Never raises Rejected.

    Containers (JSON Lines, WARC) are streamed. An OSError of the stream itself is the caller's.
    """
    return (item.found for item in items(stream, hint, limits))


def read_path(path: Path, limits: Limits) -> Iterator[Transcript | Rejected]:
    """As `read`, from a file. A file that cannot be opened or read is rejected as `unreadable`."""
    return (item.found for item in items_of_path(path, limits))


def items_of_path(path: Path, limits: Limits) -> Iterator[Item]:
    """As `read_path`, each with its name: `a.txt`, `feed.jsonl:12`, `pages.warc#3`."""
    name = readable(str(path))
    if path.exists() and not path.is_file():
        yield Item(name, Rejected("unreadable", "it is not a regular file"))
        return
    try:
        with path.open("rb") as file:
            for item in items(file, Hint(name=readable(path.name)), limits):
                yield item._replace(name=name + item.name)
    except OSError as error:
        yield Item(name, Rejected("unreadable", error.strerror or str(error)))


def items(stream: BinaryIO, hint: Hint, limits: Limits) -> Iterator[Item]:
    """As `read`, each with its name within the input."""
    is_any = False
    try:
        for item in _items(stream, hint, limits):
            is_any = True
            yield item
    except Rejected as rejected:  # of the stream as a whole: a bomb, broken compression
        yield Item("", rejected)
        return
    if not is_any:
        yield Item("", Rejected("empty", "there is no document in it"))


def _items(stream: BinaryIO, hint: Hint, limits: Limits) -> Iterator[Item]:
    head = _read(stream, HEAD)
    whole = _Rejoined(head, stream)
    if (kind := compressed.kind_of(head)) is not None:
        inner = compressed.open_compressed(whole, kind, limits)
        hint = hint._replace(name=uncompressed(hint.name), media_type=_within(hint.media_type))
        head = _read(inner, HEAD)
        if compressed.kind_of(head) is not None:
            raise Rejected("nested", "it is compressed more than once")
        whole = _Rejoined(head, inner)
    if len(head) < HEAD and not head.strip():
        raise Rejected("empty", "there is no text in it")
    form = detect(head, hint)
    if form.is_container:
        bounded = io.BufferedReader(compressed.Bounded(whole.read, None, limits), HEAD)
        yield from import_module(f"pipeline.readers.{form.module}").items(bounded, hint, limits)
        return
    # Which kind of JSON it is shows when it is read whole.
    most = max(FORMATS[name].most_bytes(limits) for name in (_JSON if form.name == "json" else (form.name,)))
    data = _read(whole, most + 1)
    if len(data) > most:
        raise too_large(most)
    yield from _named(documents(data, hint, limits, form))


_JSON = ("json", "ninjs", "whisper", "feed")


def _named(found: Iterator[Transcript | Rejected]) -> Iterator[Item]:
    """One document is its file; of several, each has a number."""
    first, second = next(found, None), next(found, None)
    if first is not None:
        yield Item("" if second is None else "#1", first)
    if second is not None:
        yield Item("#2", second)
    for number, each in enumerate(found, start=3):
        yield Item(f"#{number}", each)


def _within(media_type: str | None) -> str | None:
    """What is said of a compressed file: its own type says nothing of what is in it, another is that of the content."""
    essence = (media_type or "").partition(";")[0].strip().lower()
    return None if essence in _OF_COMPRESSED else media_type


_OF_COMPRESSED = {"application/gzip", "application/x-gzip", "application/zstd", "application/octet-stream"}


def _read(stream: BinaryIO | _Rejoined, size: int) -> bytes:
    """`size` bytes, or as many as there are: a stream may give fewer at a time."""
    parts, missing = [], size
    while missing > 0 and (
        part := stream.read(min(missing, HEAD))
    ):  # a buffered stream takes memory for all it may read
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


class _Rejoined:
    """A stream whose beginning was read to look at it, from the beginning."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = io.BytesIO(head)
        self._rest = rest

    def read(self, size: int) -> bytes:
        return self._head.read(size) or self._rest.read(size)


def files(path: Path) -> Iterator[Path]:
    """The file itself, whatever it is called, or the files of readable formats below a folder, sorted."""
    if not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and by_suffix(name) is not None:
                yield Path(folder, name)


def readable(name: str) -> str:
    """A file's name as text, even when its bytes are not UTF-8."""
    return os.fsencode(name).decode("utf-8", "replace")
