"""`efir feeds check`: what a feed is, and what would become of it, without anything becoming of it."""

from __future__ import annotations

from typing import NamedTuple

import httpx
from lxml import etree, html

from pipeline.readers.feed import Feed, absolute_url
from pipeline.readers.rejected import Rejected
from services.feeds import rhythm
from services.feeds.parsing import Parsing
from services.feeds.polling import ACCEPT
from services.fetching import Fetcher, FetchError
from services.settings import Settings

_FEED_TYPES = {"application/rss+xml", "application/atom+xml", "application/feed+json", "application/json"}


class Report(NamedTuple):
    """`outcome` is a poll's; `feed` is None when there is none to read. `linked`: feeds that a web page names."""

    url: str
    outcome: str
    explanation: str = ""
    moved_to: str | None = None
    headers: httpx.Headers | None = None
    size: int = 0
    seconds: float = 0.0
    feed: Feed | None = None
    first_interval: float = 0.0
    linked: tuple[str, ...] = ()


async def check(url: str, settings: Settings) -> Report:
    """Fetch and parse, by the same rules as a poll."""
    with Parsing(1) as parsing:
        async with Fetcher(settings) as fetcher:
            try:
                fetched = await fetcher.fetch(url, accept=ACCEPT)
            except FetchError as error:
                return Report(url, error.outcome, error.explanation)
        report = Report(
            fetched.url, "read", "", fetched.permanent_url, fetched.headers, len(fetched.body), fetched.seconds
        )
        try:
            feed = await parsing.parse(fetched.body, fetched.url, fetched.media_type, settings.feed_entries)
        except Rejected as rejected:
            linked = linked_feeds(fetched.body, fetched.url)
            return report._replace(outcome=rejected.reason, explanation=rejected.explanation, linked=linked)
    return report._replace(feed=feed, first_interval=rhythm.beginning(feed.period or feed.ttl, settings))


def linked_feeds(page: bytes, url: str) -> tuple[str, ...]:
    """The feeds that a web page names in its head (https://www.rssboard.org/rss-autodiscovery)."""
    try:
        root = html.document_fromstring(page, parser=html.HTMLParser(huge_tree=False))
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return ()
    found = (
        absolute_url(link.get("href"), url)
        for link in root.iter("link")
        if "alternate" in (link.get("rel") or "").lower() and (link.get("type") or "").lower() in _FEED_TYPES
    )
    return tuple(dict.fromkeys(each for each in found if each))


def warnings(report: Report) -> list[str]:
    """What its owner could do better, and what a subscriber should know."""
    feed, headers = report.feed, report.headers
    if feed is None or headers is None:
        return []
    said = list(feed.problems[:5])
    if report.moved_to:
        said.append(f"it has moved for good; subscribe to {report.moved_to}")
    if "etag" not in headers and "last-modified" not in headers:
        said.append("neither ETag nor Last-Modified: every poll transfers all of it")
    if report.url.startswith("http://"):
        said.append("http, not https: anybody on the way can change it")
    if without := sum(not entry.text for entry in feed.entries):
        said.append(f"{without} of {len(feed.entries)} entries have no text in the feed; consider --full-text")
    if without := sum(not entry.guid for entry in feed.entries):
        said.append(f"{without} entries have no guid, and are known by their URL")
    if feed.left_out:
        said.append(f"{feed.left_out:,} entries above EFIR_FEED_ENTRIES are left out")
    if any(entry.transcripts for entry in feed.entries):
        said.append("it has podcast transcripts; consider --transcripts")
    if feed.is_finished:
        said.append("it says that nothing will follow")
    return said
