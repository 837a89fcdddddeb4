"""From the bytes of a request to transcripts: the one place where the API calls the readers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import BinaryIO, NamedTuple

import msgspec

from pipeline import readers
from pipeline.readers import FORMATS, Rejected
from pipeline.readers.dates import parse_date
from pipeline.readers.document import documents
from pipeline.transcript import Transcript
from services.api.problems import Problem
from services.settings import Settings

# What a JSON array may come as: curl --data says that it is a form.
_MAY_BE_JSON = ("", "application/json", "text/json", "application/x-www-form-urlencoded", "application/octet-stream")


class Told(NamedTuple):
    """What the request says of a file beside its bytes. The file's own words come first."""

    media_type: str
    name: str = ""
    title: str = ""
    source: str | None = None
    language: str | None = None
    date: str | None = None
    url: str | None = None
    guid: str | None = None


class Upload(NamedTuple):
    """What a request carries. `is_batch`: it is answered with a list."""

    items: list[Transcript | Rejected]
    is_batch: bool


def read_upload(stream: BinaryIO, told: Told, settings: Settings) -> Upload:
    """Read a whole body. Raises Problem 413 when there are too many transcripts in it, 422 when there is none."""
    kind = told.media_type.partition(";")[0].strip().lower()
    if kind in _MAY_BE_JSON and _begins_array(stream):
        items = [read_json(bytes(each), settings) for each in _elements(stream, settings.api_batch)]
        return Upload([_told(item, told, is_one=False) for item in items], is_batch=True)
    published = parse_date(told.date) if told.date else None
    items = list(islice(_read(stream, told, settings), settings.api_batch + 1))
    if len(items) > settings.api_batch:
        raise _too_many(settings.api_batch)
    if not items:
        raise Rejected("empty", "there is no transcript in it")
    is_one = len(items) == 1
    return Upload([_told(item, told, is_one=is_one, published=published) for item in items], is_batch=not is_one)


def read_json(data: bytes, settings: Settings) -> Transcript | Rejected:
    """One transcript as a JSON object, or JSON of another known form: docs/formats.md."""
    found = next(documents(data, readers.Hint(), _limits(settings), FORMATS["json"]), None)
    return found or Rejected("empty", "there is no transcript in it")


def most_json_bytes(settings: Settings) -> int:
    """How long one transcript as JSON may be: longer than its text, for escapes and segments."""
    return FORMATS["json"].most_bytes(_limits(settings))


def _read(stream: BinaryIO, told: Told, settings: Settings) -> Iterator[Transcript | Rejected]:
    hint = readers.Hint(name=told.name, media_type=told.media_type or None, title=told.title, url=told.url)
    return readers.read(stream, hint, _limits(settings))


def _limits(settings: Settings) -> readers.Limits:
    return settings.limits._replace(container_bytes=min(settings.api_body_bytes, settings.max_container_bytes))


def _begins_array(stream: BinaryIO) -> bool:
    head = stream.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip()
    stream.seek(0)
    return head.startswith(b"[")


def _elements(stream: BinaryIO, most: int) -> list[msgspec.Raw]:
    try:
        elements = msgspec.json.decode(stream.read().removeprefix(b"\xef\xbb\xbf"), type=list[msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected("unreadable", f"not valid JSON: {error}") from error
    if len(elements) > most:
        raise _too_many(most)
    if not elements:
        raise Rejected("empty", "there is no transcript in it")
    return elements


def _too_many(most: int) -> Problem:
    detail = f"more than {most} transcripts in one request (EFIR_API_BATCH); send them to /v1/transcripts:bulk"
    return Problem(413, "too-many", detail)


def _told(
    item: Transcript | Rejected, told: Told, *, is_one: bool, published: datetime | None = None
) -> Transcript | Rejected:
    """What the file does not say itself. Only a source and a language can be those of several transcripts."""
    if isinstance(item, Rejected):
        return item
    item = msgspec.structs.replace(
        item,
        source=told.source if told.source and item.source == "local" else item.source,
        language=item.language or told.language,
    )
    if not is_one:
        return item
    return msgspec.structs.replace(
        item,
        title=told.title or item.title,
        published=item.published or published,
        url=item.url or told.url,
        guid=item.guid or told.guid,
    )
