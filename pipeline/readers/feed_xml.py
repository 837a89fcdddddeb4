"""RSS 0.9 to 2.0, RDF, Atom, by feedparser, which has seen more broken feeds than anybody.

feedparser's cleaning of HTML is off: it takes two thirds of the time, and what is wanted is text. It keeps one
`podcast:transcript` of an item, where several are the rule (https://podcasting2.org/docs/podcast-namespace/tags/transcript),
so these are read from the tree of lxml, which also decides first whether the XML is safe to parse. Both are given the
same bytes, decoded once (xml.py).
"""

from __future__ import annotations

import calendar
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import feedparser
from lxml import etree

from pipeline.readers import xml
from pipeline.readers.feed import MOST_LINKS, TITLE_LENGTH, Entry, Feed, Link, absolute_url, canonical_url, short_guid
from pipeline.readers.hint import Hint
from pipeline.readers.language import base_language
from pipeline.readers.markup import to_line, to_text
from pipeline.readers.rejected import Rejected

# libxml2 stops at 256; nobody's feed is a quarter as deep, XHTML content included.
_MOST_DEPTH = 200
# What feedparser trips over in what was cut and put together anew, such as the end of a link that did not begin.
_TRIPS = (KeyError, IndexError, ValueError, TypeError, AttributeError, AssertionError)
# feedparser takes 25 µs for an element, and 250,000 fit into a megabyte. Feeds of the most entries have this many.
_MOST_ELEMENTS = 150_000
_ITEMS = ("{*}item", "{*}entry")
_FIRST_YEAR, _LAST_YEAR = 1800, 2200
# http://web.resource.org/rss/1.0/modules/syndication/
_PERIODS = {"hourly": 3600, "daily": 86_400, "weekly": 7 * 86_400, "monthly": 30 * 86_400, "yearly": 365 * 86_400}


def parse(data: bytes, url: str | None, media_type: str | None, most_entries: int) -> Feed:
    """Raises Rejected."""
    document = xml.checked(data, Hint(media_type=media_type).charset, recover=True)
    root = _safe(document)
    if (name := xml.local(root).lower()) == "html":
        raise Rejected("not-a-feed", "it is a web page; `efir feeds check` names the feeds it links to")
    # feedparser looks for an encoding of its own, and is told the one that was checked.
    headers = {"content-type": "application/xml; charset=utf-8"} | ({"content-location": url} if url else {})
    try:
        parsed = feedparser.parse(
            io.BytesIO(document), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
        )
    except _TRIPS as error:
        raise Rejected("unreadable", f"the XML is too broken to be read as a feed: {error!r}") from error
    if not parsed.version and not parsed.entries:
        raise Rejected("not-a-feed", f"XML of <{name[:40]}>, and neither RSS nor Atom")
    head, base = parsed.feed, absolute_url(parsed.feed.get("link"), url) or url
    transcripts = _transcripts(root, len(parsed.entries))
    entries = (
        _entry(item, links, base)
        for item, links in zip(parsed.entries[:most_entries], transcripts[:most_entries], strict=True)
    )
    return Feed(
        format=parsed.version or "rss",
        title=to_line(head.get("title", ""))[:TITLE_LENGTH],
        url=absolute_url(head.get("link"), url),
        language=base_language(head.get("language")),
        ttl=_seconds(head.get("ttl"), 60),
        period=_period(head),
        hub=_related(head, "hub", url),
        self_url=_related(head, "self", url),
        entries=tuple(entries),
        left_out=max(0, len(parsed.entries) - most_entries),
        problems=(f"not well-formed: {parsed.bozo_exception}",) if parsed.bozo else (),
    )


def _safe(document: bytes) -> etree._Element:
    """The tree, as far as it can be read. Raises Rejected for depth, and for more elements than feeds have."""
    root = xml.tree(document, recover=True)
    depth = elements = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        elements += event == "start"
        if depth > _MOST_DEPTH:
            raise Rejected("dangerous-xml", f"elements within elements, more than {_MOST_DEPTH} deep")
        if elements > _MOST_ELEMENTS:
            raise Rejected("dangerous-xml", f"more than {_MOST_ELEMENTS:,} elements")
    return root


def _transcripts(root: etree._Element, items: int) -> Sequence[tuple[Link, ...]]:
    """The transcript links of each item, in the order of the items; nothing where feedparser saw other items."""
    found = [tuple(islice(_transcript_links(item), MOST_LINKS)) for item in root.iter(*_ITEMS)]
    return found if len(found) == items else [()] * items


def _transcript_links(item: etree._Element) -> Iterator[Link]:
    for element in item.iterchildren("{*}transcript"):
        if "podcast" in element.tag.rpartition("}")[0] and (url := absolute_url(element.get("url"), None)):
            yield Link(url, element.get("type", "").strip().lower(), base_language(element.get("language")))


def _entry(item: Any, transcripts: tuple[Link, ...], base: str | None) -> Entry:
    content: Any = max(item.get("content", ()), key=lambda part: len(part.get("value") or ""), default={})
    authors = (author.get("name", "") for author in item.get("authors", ()))
    enclosures = (
        Link(url, link.get("type", ""))
        for link in item.get("enclosures", ())[:MOST_LINKS]
        if (url := absolute_url(link.get("href"), base))
    )
    return Entry(
        guid=short_guid(item.get("id")),
        url=canonical_url(item.get("link"), base),
        title=to_line(item.get("title", ""))[:TITLE_LENGTH],
        published=_date(item.get("published_parsed")),
        updated=_date(dict.get(item, "updated_parsed")),  # its own `get` gives `published` in its place
        authors=tuple(name for name in authors if name),
        language=base_language(content.get("language")),
        text=_text(content) or _text(item.get("summary_detail", {})),
        transcripts=transcripts,
        enclosures=tuple(enclosures),
    )


def _text(detail: Any) -> str:
    """Plain text is often HTML all the same, and to plain text the reading of HTML does little harm."""
    return to_text(detail.get("value") or "")


def _date(parsed: Any) -> datetime | None:
    """From a struct_time in UTC; what is no date of speech or press is none."""
    if parsed is None or not _FIRST_YEAR <= parsed.tm_year <= _LAST_YEAR:
        return None
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=calendar.timegm(parsed))
    except (ValueError, OverflowError):
        return None


def _seconds(text: str | None, unit: float) -> float | None:
    text = (text or "").strip()
    return float(text) * unit if text.isascii() and text.isdigit() and len(text) < 9 else None


def _period(head: Any) -> float | None:
    """sy:updatePeriod divided by sy:updateFrequency."""
    period = _PERIODS.get(head.get("sy_updateperiod", "").strip().lower())
    if period is None:
        return None
    return period / max(1.0, _seconds(head.get("sy_updatefrequency"), 1) or 1.0)


def _related(head: Any, relation: str, url: str | None) -> str | None:
    links = (link for link in head.get("links", ()) if link.get("rel") == relation)
    first: Any = next(links, {})
    return absolute_url(first.get("href"), url)
