"""WARC (ISO 28500, https://iipc.github.io/warc-specifications/): the pages, texts and feeds of a web archive.

warcio parses records and HTTP headers. The loop over the records is ours, because warcio's own reads a header line of
any length into memory and decompresses without a bound.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any, BinaryIO

import msgspec
from warcio.bufferedreaders import BufferedReader, ChunkedDataReader
from warcio.exceptions import ArchiveLoadFailed
from warcio.recordloader import ArcWarcRecordLoader
from warcio.statusandheaders import StatusAndHeadersParserException

from pipeline.readers.compressed import unpack
from pipeline.readers.dates import date_if_any
from pipeline.readers.document import documents, too_large
from pipeline.readers.formats import FORMATS, by_media_type
from pipeline.readers.hint import Hint, Item, Limits
from pipeline.readers.rejected import Rejected
from pipeline.transcript import Transcript

_BLOCK = 16_384
# The headers of a record and of its HTTP response; browsers and servers stop at a tenth of it.
_HEADERS = 1_000_000
_OK = frozenset(map(str, range(200, 300)))
logging.getLogger("warcio").setLevel(logging.ERROR)  # what is wrong with a record is no news of the program's
# What warcio raises for records that are none.
_BROKEN = (ArchiveLoadFailed, StatusAndHeadersParserException, EOFError, ValueError, AttributeError)
# Not the words of anybody, though they are called text.
_MACHINE_TEXT = ("text/css", "text/javascript", "text/x-")


def items(stream: BinaryIO, hint: Hint, limits: Limits) -> Iterator[Item]:
    """What the response and resource records hold, named `#1`, `#2`, ... by the record's number in the file.

    Records of other kinds, of other statuses than 2xx and of media types that are not text are passed over, as they
    are most of an archive.
    """
    source = _Budgeted(stream)
    reader = BufferedReader(source, block_size=_BLOCK)
    loader = ArcWarcRecordLoader(verify_http=False, arc2warc=False)
    number = 0
    try:
        while (line := _next_line(reader)) is not None:
            number += 1
            record = loader.parse_record_stream(reader, line, "warc")
            source.allow((record.length or 0) + _HEADERS)
            yield from _of_record(record, number, limits)
            while record.raw_stream.read(_BLOCK):
                pass
            source.allow(_HEADERS)
    except (Rejected, *_BROKEN) as error:
        why = error if isinstance(error, Rejected) else Rejected("unreadable", f"broken WARC: {str(error)[:200]}")
        yield Item(f"#{number}", Rejected(why.reason, f"record {number}: {why.explanation}; what follows is not read"))


def _next_line(reader: BufferedReader) -> str | None:
    """The line a record begins with, past the empty lines after the record before; None at the end."""
    while line := reader.readline():
        if line.strip():
            return bytes(line).decode("utf-8", "replace")
    return None


def _of_record(record: Any, number: int, limits: Limits) -> Iterator[Item]:
    headers = record.rec_headers
    http = record.http_headers
    if record.rec_type not in {"response", "resource"}:
        return
    if http is not None and http.get_statuscode() not in _OK:
        return
    media_type = http.get_header("Content-Type") if http is not None else record.content_type
    url = headers.get_header("WARC-Target-URI") or ""
    if not _is_readable(media_type) or url.endswith("/robots.txt"):
        return
    hint = Hint(media_type=media_type, url=url or None, title=url)
    try:
        found = documents(_payload(record, http, limits), hint, limits)
    except Rejected as rejected:
        found = iter([rejected])
    fetched = date_if_any(headers.get_header("WARC-Date"))
    for each in found:
        if isinstance(each, Rejected):
            yield Item(f"#{number}", Rejected(each.reason, f"record {number}: {each.explanation}"))
        else:
            yield Item(f"#{number}", _dated(each, fetched))


def _is_readable(media_type: str | None) -> bool:
    essence = (media_type or "").partition(";")[0].strip().lower()
    if not essence or by_media_type(essence) is not None:
        return True
    return essence.startswith("text/") and not essence.startswith(_MACHINE_TEXT)


def _payload(record: Any, http: Any, limits: Limits) -> bytes:
    """The body as its sender wrote it, out of HTTP's chunks and content encodings. Raises Rejected."""
    most = FORMATS["feed"].most_bytes(limits)
    coding, encoding = (
        (http.get_header(name) or "").strip().lower() if http is not None else ""
        for name in ("Transfer-Encoding", "Content-Encoding")
    )
    stream = ChunkedDataReader(record.raw_stream) if coding == "chunked" else record.raw_stream
    data = bytes(stream.read(most + 1))
    if len(data) > most:
        raise too_large(most)
    return unpack(data, encoding, most) if encoding not in {"", "identity", "utf-8"} else data


def _dated(found: Transcript, fetched: datetime | None) -> Transcript:
    """A page that does not say when it was published was, at the latest, when it was fetched."""
    if found.published is not None or fetched is None:
        return found
    return msgspec.structs.replace(found, published=fetched)


class _Budgeted:
    """A stream that ends in Rejected when more is read at once than the record at hand may have."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = _HEADERS

    def allow(self, size: int) -> None:
        self._left = size + 2 * _BLOCK  # what the reader above has taken ahead

    def read(self, size: int) -> bytes:
        if self._left <= 0:
            raise Rejected("unreadable", f"headers of more than {_HEADERS:,} bytes")
        data = self._stream.read(size)
        self._left -= len(data)
        return data
