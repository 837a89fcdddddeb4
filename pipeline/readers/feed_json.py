"""JSON Feed 1.0 and 1.1 (https://www.jsonfeed.org/version/1.1/)."""

from __future__ import annotations

import hashlib

import msgspec

from pipeline.readers.dates import date_if_any
from pipeline.readers.feed import (
    MOST_LINKS,
    TITLE_LENGTH,
    Broken,
    Entry,
    Feed,
    Link,
    absolute_url,
    canonical_url,
    short_guid,
)
from pipeline.readers.language import base_language
from pipeline.readers.markup import to_line, to_text
from pipeline.readers.rejected import Rejected

_MOST_PROBLEMS = 20


class _Author(msgspec.Struct):
    name: str | None = None


class _Attachment(msgspec.Struct):
    url: str
    mime_type: str = ""


class _Hub(msgspec.Struct):
    url: str
    type: str = ""


class _Item(msgspec.Struct):
    id: str | int | float | None = None  # a string by the specification, a number in the wild
    url: str | None = None
    title: str | None = None
    content_html: str | None = None
    content_text: str | None = None
    summary: str | None = None
    date_published: str | None = None
    date_modified: str | None = None
    language: str | None = None
    author: _Author | None = None
    authors: list[_Author] | None = None
    attachments: list[_Attachment] | None = None


class _Form(msgspec.Struct):
    version: str
    items: list[msgspec.Raw]  # one by one: a broken item must not take the others with it
    title: str | None = None
    home_page_url: str | None = None
    feed_url: str | None = None
    language: str | None = None
    expired: bool | None = None
    hubs: list[_Hub] | None = None


def parse(data: bytes, url: str | None, most_entries: int) -> Feed:
    """Raises Rejected."""
    try:
        form = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=_Form)
    except msgspec.ValidationError as error:
        raise Rejected("not-a-feed", f"JSON, and no JSON Feed: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected("unreadable", f"not valid JSON: {error}") from error
    if "jsonfeed.org/version/" not in form.version:
        raise Rejected("not-a-feed", f"JSON of version {form.version[:60]!r}, and no JSON Feed")
    base = absolute_url(form.feed_url, url) or url
    entries, broken = [], []
    for number, raw in enumerate(form.items[:most_entries]):
        try:
            entries.append(_entry(msgspec.json.decode(raw, type=_Item), base))
        except (msgspec.MsgspecError, RecursionError) as error:
            identity = hashlib.sha256(bytes(raw)).hexdigest()
            broken.append(Broken(identity, f"item {number + 1}: {error}"))
    hubs = [hub.url for hub in form.hubs or () if hub.type.lower() == "websub"]
    return Feed(
        format="jsonfeed",
        title=to_line(form.title or "")[:TITLE_LENGTH],
        url=absolute_url(form.home_page_url, base),
        language=base_language(form.language),
        hub=absolute_url(hubs[0], base) if hubs else None,
        self_url=absolute_url(form.feed_url, url),
        is_finished=bool(form.expired),
        entries=tuple(entries),
        left_out=max(0, len(form.items) - most_entries),
        broken=tuple(broken),
        problems=tuple(f"{item.explanation}; it is left out" for item in broken[:_MOST_PROBLEMS]),
    )


def _entry(item: _Item, base: str | None) -> Entry:
    text = (item.content_text or "").strip() or to_text(item.content_html or "") or (item.summary or "").strip()
    authors = item.authors or ([item.author] if item.author else [])
    enclosures = (
        Link(found, link.mime_type)
        for link in (item.attachments or ())[:MOST_LINKS]
        if (found := absolute_url(link.url, base))
    )
    return Entry(
        guid=short_guid(item.id),
        url=canonical_url(item.url, base),
        title=to_line(item.title or "")[:TITLE_LENGTH],
        published=date_if_any(item.date_published),
        updated=date_if_any(item.date_modified),
        authors=tuple(author.name for author in authors if author.name),
        language=base_language(item.language),
        text=text.replace("\r\n", "\n").replace("\r", "\n"),
        enclosures=tuple(enclosures),
    )
