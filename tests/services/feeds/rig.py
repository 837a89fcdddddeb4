"""A poller over a real broker, store and web server, with an admission that remembers what it was given."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.readers import Limits, Rejected
from pipeline.store import ArtifactStore
from pipeline.transcript import Transcript, document_id, text_digest
from services import broker
from services.feeds.articles import Articles
from services.feeds.hosts import Hosts
from services.feeds.parsing import Parsing
from services.feeds.poller import Parts, Poller
from services.feeds.schedule import Schedule
from services.feeds.subscriptions import Options, Subscription, Subscriptions, feed_id
from services.fetching import Fetcher
from services.settings import Settings
from tests.services.feeds.site import Answer, Site

# Its process takes two seconds to start, so that all tests use the same; it ends with theirs.
PARSING = Parsing(1)


class Verdict(NamedTuple):
    verdict: str


@dataclass
class Recording:
    """Takes everything, and knows what it was given before; `closed` is raised instead while it is set."""

    given: list[Transcript] = field(default_factory=list)
    closed: Exception | None = None

    def admit_all(self, transcripts: Sequence[Transcript], /) -> list[Verdict | Rejected]:
        if self.closed is not None:
            raise self.closed
        known = {document_id(each, text_digest(each.text)) for each in self.given}
        self.given.extend(transcripts)
        return [
            Verdict("known" if document_id(each, text_digest(each.text)) in known else "admitted")
            for each in transcripts
        ]

    @property
    def texts(self) -> list[str]:
        return [each.text for each in self.given]


def feed_of(*items: str, **headers: str) -> Answer:
    return Answer(200, {name.replace("_", "-"): value for name, value in headers.items()}, rss(*items))


def item(number: int, text: str | None = None, more: str = "") -> str:
    """An item of RSS."""
    said = f"Новина номер {number}." if text is None else text
    return (
        f"<item><title>Новина {number}</title><guid>urn:news:{number}</guid><link>/n/{number}</link>"
        f"<description>{said}</description>{more}</item>"
    )


def rss(*items: str, head: str = "") -> bytes:
    return (
        '<rss version="2.0" xmlns:podcast="https://podcastindex.org/namespace/1.0"><channel><title>Новини</title>'
        f"<language>uk</language>{head}{''.join(items)}</channel></rss>"
    ).encode()


class Rig:
    def __init__(self, settings: Settings, store: ArtifactStore, site: Site) -> None:
        update = {"fetch_allow": "127.0.0.1", "fetch_host_seconds": 0.05, "feed_lease": 2.0, "stop_seconds": 5.0}
        self.settings = settings.model_copy(update=update)
        self.store = store
        self.site = site
        self.client = broker.connect(settings)
        self.client.flushdb()
        self.schedule = Schedule(self.client)
        self.subscriptions = Subscriptions(store)
        self.admission = Recording()
        self.schedule.lay([], 0)

    def subscribe(self, path: str = "/feed", options: Options = Options()) -> str:
        url = self.site.url(path)
        name = feed_id(url)
        self.subscriptions.add(Subscription(id=name, url=url, added=time.time(), options=options))
        self.schedule.add([name])
        return name

    @asynccontextmanager
    async def poller(self, settings: Settings | None = None) -> AsyncIterator[Poller]:
        chosen = settings or self.settings
        async with Fetcher(chosen) as fetcher:
            articles = Articles(chosen, fetcher, Hosts(chosen.fetch_host_requests), read_plain)
            yield Poller(Parts(chosen, self.store, self.schedule, self.admission, fetcher, PARSING, articles))

    async def poll(self, settings: Settings | None = None) -> None:
        """Everything that is due, once."""
        async with self.poller(settings) as poller:
            await asyncio.wait_for(poller.run(once=True), 20)

    async def poll_again(self, settings: Settings | None = None) -> None:
        """As if the time had come for all of them."""
        names = list(self.subscriptions.ids())
        self.client.zadd("efir:feeds:due", dict.fromkeys(names, 0))
        await self.poll(settings)

    def feed(self, name: str) -> Subscription:
        found = self.subscriptions.get(name)
        assert found is not None
        return found


@asynccontextmanager
async def rig(settings: Settings, store: ArtifactStore, **pages: Answer) -> AsyncIterator[Rig]:
    """`feed=Answer(...)` is what lies under /feed."""
    async with Site() as site:
        site.pages.update({f"/{name}": answer for name, answer in pages.items()})
        yield Rig(settings, store, site)


def read_plain(body: bytes, media_type: str | None, url: str, limits: Limits) -> Transcript | Rejected:
    """A reader for pages in these tests: their body is their text."""
    return (
        Transcript(text=body.decode(), format=(media_type or "").partition(";")[0]) if body else Rejected("empty", "")
    )
