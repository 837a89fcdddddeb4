"""What an entry only points to: its article page, or the transcript of its episode."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import NoReturn
from urllib.parse import urlsplit

from msgspec.structs import replace

from pipeline.readers import Hint, Limits, Rejected, read
from pipeline.readers.feed import Entry, Link
from pipeline.transcript import Transcript
from services.feeds.hosts import Hosts
from services.feeds.robots import Robots
from services.fetching import Fetched, Fetcher, FetchError
from services.settings import Settings

# A host that wants more time than this between two pages does not want its pages fetched by a reader of feeds.
_MOST_CRAWL_DELAY = 60.0
_PAGE = "text/html, application/xhtml+xml;q=0.9"
_TRANSCRIPT = "text/vtt, application/x-subrip, application/srt, application/json, text/html;q=0.8, text/plain;q=0.7"
# With the times of what is said, then with speakers, then words alone.
_PREFERRED = (
    *("text/vtt", "application/x-subrip", "application/srt", "text/srt", "application/json"),
    *("text/html", "text/plain"),
)
# Errors that may be over at the next poll.
_PASSING = {"timeout", "connect", "dns", "rate-limited", "http-5xx", "broken-response"}

# A body, its media type, where it came from, how much of it may be read -> the first text in it.
Read = Callable[[bytes, str | None, str, Limits], Transcript | Rejected]

# A URL -> the least seconds since the page of its host before. Raises NotRead where it may not be fetched.
Pause = Callable[[str], Awaitable[float]]


class NotRead(Exception):
    """There is no text to be had from the link. `reason` can be counted; `is_passing`: try again at the next poll."""

    def __init__(self, reason: str, explanation: str, *, is_passing: bool = False) -> None:
        super().__init__(f"{reason}: {explanation}")
        self.reason = reason
        self.is_passing = is_passing


class _Redirected(Exception):
    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


def _stop(url: str) -> NoReturn:
    raise _Redirected(url)


def read_body(body: bytes, media_type: str | None, url: str, limits: Limits) -> Transcript | Rejected:
    """The first text in a body of any format there is a reader for."""
    hint = Hint(media_type=media_type, url=url)
    return next(read(io.BytesIO(body), hint, limits), Rejected("empty", "there is no text in it"))


class Articles:
    def __init__(self, settings: Settings, fetcher: Fetcher, hosts: Hosts, read: Read = read_body) -> None:
        self._settings = settings
        self._fetcher = fetcher
        self._hosts = hosts
        self._robots = Robots(fetcher, hosts)
        self._read = read
        # A body that is a packed file again unpacks to no more than a body may.
        self._limits = settings.limits._replace(container_bytes=min(settings.fetch_bytes, settings.max_container_bytes))

    async def page(self, entry: Entry, transcript: Transcript) -> Transcript:
        """`transcript`, which the feed's words made, with the text of the entry's page. Raises NotRead."""
        if entry.url is None:
            raise NotRead("no-link", "the entry has no link")
        found = await self._text(Link(entry.url), _PAGE, self._page_pause)
        return replace(
            transcript,
            text=found.text,
            format=found.format,
            segments=found.segments,
            speakers=transcript.speakers or found.speakers,
            title=transcript.title or found.title,
            published=transcript.published or found.published,
        )

    async def transcript(self, entry: Entry, transcript: Transcript) -> Transcript:
        """`transcript` with the words of the episode, from the best link that can be read. Raises NotRead.

        robots.txt is not asked: like the feed, these are offered to programs by whoever wrote the feed.
        """
        problem = NotRead("no-transcript", "the entry has no transcript")
        for link in preferred(entry.transcripts, transcript.language):
            try:
                found = await self._text(link, _TRANSCRIPT, self._transcript_pause)
            except NotRead as error:
                problem = error
                continue
            return replace(
                transcript,
                text=found.text,
                format=found.format,
                segments=found.segments,
                speakers=found.speakers,
                language=link.language or transcript.language,
            )
        raise problem

    async def _page_pause(self, url: str) -> float:
        """Seconds to leave between this page and the one of its host before it. Raises NotRead."""
        if not await self._robots.allows(url):
            raise NotRead("robots", f"robots.txt of its host does not allow {url}")
        asked = await self._robots.crawl_delay(url)
        if asked > _MOST_CRAWL_DELAY:
            raise NotRead("robots", f"its host asks for {asked:.0f} s between two pages")
        return max(asked, self._settings.fetch_host_seconds)

    async def _transcript_pause(self, url: str) -> float:
        return self._settings.fetch_host_seconds

    async def _fetched(self, url: str, accept: str, pause_before: Pause) -> Fetched:
        """What lies where `url` leads. Every address on the way is asked about, and waited for, as the first one is.

        Between two fetches no turn is held: a host would be waited for that waits for this one.
        """
        host_before: str | None = None
        for _ in range(self._settings.fetch_redirects + 1):
            pause, host = await pause_before(url), urlsplit(url).hostname
            try:
                # Within a host it is the same page that is asked for, and there is one pause before a page.
                async with self._hosts.turn(url, 0.0 if host == host_before else pause):
                    return await self._fetcher.fetch(url, accept=accept, on_redirect=_stop)
            except _Redirected as redirected:
                url, host_before = redirected.url, host
        raise FetchError("too-many-redirects", f"more than {self._settings.fetch_redirects}, the last to {url}")

    async def _text(self, link: Link, accept: str, pause_before: Pause) -> Transcript:
        try:
            fetched = await self._fetched(link.url, accept, pause_before)
        except FetchError as error:
            raise NotRead(error.outcome, error.explanation, is_passing=error.outcome in _PASSING) from error
        media_type = fetched.media_type or link.media_type or None
        found = await asyncio.to_thread(self._read, fetched.body, media_type, fetched.url, self._limits)
        if isinstance(found, Rejected):
            raise NotRead(found.reason, found.explanation)
        return found


def preferred(links: tuple[Link, ...], language: str | None) -> list[Link]:
    """The links in the order in which to try them: the episode's language first, then by what the format can tell."""

    def rank(link: Link) -> tuple[bool, int]:
        media_type = link.media_type.partition(";")[0]
        is_foreign = bool(link.language and language and link.language != language)
        return is_foreign, _PREFERRED.index(media_type) if media_type in _PREFERRED else len(_PREFERRED)

    return sorted(links, key=rank)
