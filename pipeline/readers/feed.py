"""Feeds: RSS and Atom of every version (`feed_xml.py`), and JSON Feed (`feed_json.py`). One entry is one transcript.

`parse` gives what the sender wrote, for whoever polls the feed; `read` gives its entries as transcripts, for a feed
that is a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urljoin, urlsplit

import courlan
import msgspec

from pipeline.readers.addresses import host
from pipeline.readers.hint import Hint
from pipeline.readers.rejected import Rejected
from pipeline.transcript import Transcript

# Entries of one feed that are read, the first ones. Archives of some thousand episodes do occur in one feed.
MOST_ENTRIES = 10_000
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_URL_LENGTH = 4096
_GUID_LENGTH = 1000
# Of titles: what is longer is a text in the wrong place, and titles are kept where texts are not.
TITLE_LENGTH = 1000
MOST_LINKS = 20  # transcripts of an entry, and enclosures


class Link(msgspec.Struct, frozen=True, omit_defaults=True):
    url: str
    media_type: str = ""
    language: str | None = None


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """`guid` is the sender's, `url` absolute and canonical. `text` is empty when there is but a title."""

    guid: str | None = None
    url: str | None = None
    title: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    authors: tuple[str, ...] = ()
    language: str | None = None  # ISO 639-1, where the entry names its own
    text: str = ""
    transcripts: tuple[Link, ...] = ()  # Podcasting 2.0
    enclosures: tuple[Link, ...] = ()

    @property
    def identity(self) -> str:
        """What stays the same when the entry changes: the guid, else the URL, else its title and date."""
        return self.guid or self.url or f"{self.title}\n{self.published or ''}"

    @property
    def digest(self) -> str:
        """16 hex digits that change when the entry does. A new date alone is no change."""
        said = (self.title, self.text, *(link.url for link in self.transcripts))
        return hashlib.sha256("\n".join(said).encode("utf-8", "replace")).hexdigest()[:16]


class Broken(msgspec.Struct, frozen=True):
    """An item that cannot be read. `identity` is that of its bytes: it is another one when its sender mends it."""

    identity: str
    explanation: str

    @property
    def digest(self) -> str:
        return self.identity[:16]


class Feed(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """`period`, `ttl`: seconds between updates as the sender announces them; `hub` and `self_url` are WebSub's."""

    format: str  # as feedparser names it: rss20, atom10; jsonfeed
    title: str = ""
    url: str | None = None  # of the site
    language: str | None = None
    ttl: float | None = None
    period: float | None = None
    hub: str | None = None
    self_url: str | None = None
    is_finished: bool = False  # it says that nothing will follow
    entries: tuple[Entry, ...] = ()
    broken: tuple[Broken, ...] = ()
    left_out: int = 0  # entries above the limit
    problems: tuple[str, ...] = ()  # what was not as it should be, and was read all the same


def parse(data: bytes, url: str | None = None, media_type: str | None = None, most_entries: int = MOST_ENTRIES) -> Feed:
    """`url` is where it came from, to resolve links; `media_type` may carry a charset. Raises Rejected."""
    start = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        raise Rejected("empty", "there is nothing in it")
    if b"\x00" in data and not data.startswith(_UTF16):
        raise Rejected("binary", "it holds NUL bytes, so it is no feed")
    if start.startswith(b"{"):
        from pipeline.readers import feed_json  # noqa: PLC0415 (each loads only when it is needed)

        return feed_json.parse(data, url, most_entries)
    from pipeline.readers import feed_xml  # noqa: PLC0415

    return feed_xml.parse(data, url, media_type, most_entries)


def read(data: bytes, hint: Hint) -> Iterator[Transcript | Rejected]:
    """Every entry of a feed. Raises Rejected when it is none."""
    feed = parse(data, hint.url, hint.media_type)
    source = host(feed.url) or host(hint.url) or host(feed.self_url) or "local"
    for entry in feed.entries:
        made = to_transcript(entry, source, entry.language or feed.language)
        yield made if made.text else no_text(entry)
    yield from map(unreadable, feed.broken)
    if feed.left_out:
        yield Rejected("too-many", f"{feed.left_out:,} entries after the first {MOST_ENTRIES:,}")


def short_guid(guid: object) -> str | None:
    """The guid as a string; of one that is longer than sense, a digest. None for none."""
    text = "" if guid is None else str(guid).strip()
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() if len(text) > _GUID_LENGTH else text or None


def no_text(entry: Entry) -> Rejected:
    return Rejected("empty", f"the entry {(entry.title or entry.identity)[:100]!r} has no text")


def unreadable(item: Broken) -> Rejected:
    return Rejected("unreadable", item.explanation)


def to_transcript(entry: Entry, source: str, language: str | None) -> Transcript:
    """The entry's own words, which may be none."""
    return Transcript(
        text=entry.text,
        format="feed",
        title=entry.title,
        source=source,
        language=language,
        published=entry.published or entry.updated,
        url=entry.url,
        guid=entry.guid,
    )


def canonical_url(url: str | None, base: str | None = None) -> str | None:
    """Absolute, normalised, without a fragment and what only tracks readers; None for what is no web address."""
    if not url:
        return None
    try:
        absolute = urljoin(base or "", url.strip()).partition("#")[0]
        if len(absolute) > _URL_LENGTH or urlsplit(absolute).scheme not in {"http", "https"}:
            return None
        return courlan.clean_url(absolute) or absolute
    except ValueError:
        return None


def absolute_url(url: str | None, base: str | None) -> str | None:
    """As it is written, for links that are to be fetched: a tracking parameter may be what lets them be.

    None for what is no web address, and where nothing is written: that would be the base.
    """
    if not url or not url.strip():
        return None
    try:
        absolute = urljoin(base or "", url.strip())
        return absolute if urlsplit(absolute).scheme in {"http", "https"} and len(absolute) <= _URL_LENGTH else None
    except ValueError:
        return None
