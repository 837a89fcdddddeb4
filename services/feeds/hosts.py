"""Being polite to hosts: so many requests at a time to each, and a pause between two article pages.

Within one process; several pollers together ask as often as there are pollers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

# Who waits for a host holds a place that another host's feed could have: beyond these, a feed is put off instead.
_MOST_WAITING = 8


class _Host:
    def __init__(self, requests: int) -> None:
        self.turns = asyncio.Semaphore(requests)
        self.inside = 0  # with a turn, or waiting for one
        self.next_page = 0.0  # monotonic time from which the next article page may be fetched


class Hosts:
    def __init__(self, requests: int) -> None:
        """`requests` to one host at a time."""
        self._requests = requests
        self._hosts: dict[str, _Host] = {}

    def is_crowded(self, url: str) -> bool:
        host = self._hosts.get(_name(url))
        return host is not None and host.inside >= self._requests + _MOST_WAITING

    @asynccontextmanager
    async def turn(self, url: str, pause: float = 0.0) -> AsyncIterator[None]:
        """Wait for a turn at the URL's host. `pause`: at least so many seconds after the last such one began."""
        name = _name(url)
        host = self._hosts.setdefault(name, _Host(self._requests))
        host.inside += 1
        try:
            if pause:
                now = time.monotonic()
                at = max(now, host.next_page)
                host.next_page = at + pause
                await asyncio.sleep(at - now)
            async with host.turns:
                yield
        finally:
            host.inside -= 1
            self._forget(name, host)

    def _forget(self, name: str, host: _Host) -> None:
        """Nothing is kept of hosts nobody is at, but for those whose pause is not over."""
        if host.inside == 0 and host.next_page <= time.monotonic():
            self._hosts.pop(name, None)
        if len(self._hosts) > 10_000:
            now = time.monotonic()
            for other in [key for key, each in self._hosts.items() if each.inside == 0 and each.next_page <= now]:
                del self._hosts[other]


def _name(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()
