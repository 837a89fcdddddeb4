"""robots.txt (RFC 9309) for what is fetched besides the feeds: a feed is there to be polled, its articles are pages.

Without a robots.txt everything is allowed; when the server cannot say (5xx, no answer), nothing is, for an hour.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import NamedTuple
from urllib.parse import urlsplit

from protego import Protego

from services.feeds.hosts import Hosts
from services.fetching import Fetcher, FetchError

# RFC 9309, 2.5: a parser reads at least 500 kibibytes.
_BYTES = 512_000
# RFC 9309, 2.4: not used for more than a day.
_SECONDS = 86_400.0
_SECONDS_UNREACHABLE = 3_600.0
_MOST_HOSTS = 2_000


class _Rules(NamedTuple):
    robots: Protego | None  # None: nothing may be fetched
    until: float


class Robots:
    def __init__(self, fetcher: Fetcher, hosts: Hosts) -> None:
        self._fetcher = fetcher
        self._hosts = hosts
        self._rules: OrderedDict[str, _Rules] = OrderedDict()
        self._asking: dict[str, asyncio.Lock] = {}

    async def allows(self, url: str) -> bool:
        robots = await self._of(url)
        return robots is not None and bool(robots.can_fetch(url, self._fetcher.user_agent))

    async def crawl_delay(self, url: str) -> float:
        """Seconds that the host asks to leave between two pages; 0 when it asks for none."""
        robots = await self._of(url)
        return float(robots.crawl_delay(self._fetcher.user_agent) or 0.0) if robots is not None else 0.0

    async def _of(self, url: str) -> Protego | None:
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc}".lower()
        lock = self._asking.setdefault(site, asyncio.Lock())
        try:
            async with lock:  # one request, however many articles wait for it
                rules = self._rules.get(site)
                if rules is None or rules.until < time.monotonic():
                    rules = await self._ask(site)
                    self._rules[site] = rules
                self._rules.move_to_end(site)
        finally:
            if not lock.locked():
                self._asking.pop(site, None)
        while len(self._rules) > _MOST_HOSTS:
            self._rules.popitem(last=False)
        return rules.robots

    async def _ask(self, site: str) -> _Rules:
        now = time.monotonic()
        try:
            async with self._hosts.turn(site):
                fetched = await self._fetcher.fetch(f"{site}/robots.txt", accept="text/plain", most_bytes=_BYTES)
        except FetchError as error:
            if error.outcome in {"not-found", "gone", "http-4xx"}:
                return _Rules(Protego.parse(""), now + _SECONDS)
            return _Rules(None, now + _SECONDS_UNREACHABLE)
        return _Rules(Protego.parse(fetched.body.decode("utf-8", "replace")), now + _SECONDS)
