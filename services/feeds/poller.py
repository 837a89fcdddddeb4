"""The process that polls: claims feeds that are due, polls many at once, puts them back. Any number of them may run."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from msgspec.structs import replace

from pipeline.store import ArtifactStore
from services import broker, logs, metrics
from services.failures import TRANSIENT
from services.feeds import rhythm
from services.feeds.admitting import Admits, Admitting
from services.feeds.articles import Articles
from services.feeds.hosts import Hosts
from services.feeds.parsing import Parsing
from services.feeds.polling import Polled, Polling
from services.feeds.schedule import Claim, Schedule
from services.feeds.subscriptions import Pulse, Subscription, Subscriptions
from services.fetching import Fetcher
from services.settings import Settings

_IDLE_SECONDS = 0.5
_RENEWALS_PER_LEASE = 4
# How often the schedule is compared with the store's list: a feed may have been added while the broker was away.
_LAY_SECONDS = 600.0
# How old a feed's object may grow while nothing but times changes in it; what is lost with the broker is no more.
_WRITE_SECONDS = 6 * 3600.0
# Twenty pages at the slowest of hosts; what takes longer hangs.
_POLL_SECONDS = 1800.0
_BROKEN_SECONDS = 3600.0
# Store and broker are waited for in threads: a few for the polls, one for admission.
_THREADS = 16

log = logs.get("efir.feeds")


@dataclass(frozen=True)
class Parts:
    """What a poller is made of; a test or a benchmark puts in its own."""

    settings: Settings
    store: ArtifactStore
    schedule: Schedule
    admission: Admits
    fetcher: Fetcher
    parsing: Parsing
    articles: Articles | None = None


class Poller:
    def __init__(self, parts: Parts) -> None:
        settings = parts.settings
        self._settings = settings
        self._schedule = parts.schedule
        self._subscriptions = Subscriptions(parts.store)
        self._parsing = parts.parsing
        hosts = Hosts(settings.fetch_host_requests)
        articles = parts.articles or Articles(settings, parts.fetcher, hosts)
        admitting = Admitting(parts.admission)
        self._polling = Polling(settings, parts.fetcher, hosts, self._parsing, articles, admitting)
        self._in_hand: dict[asyncio.Task[None], Claim] = {}
        self._stopping = asyncio.Event()
        self._laid_at = float("-inf")

    def stop(self) -> None:
        """Claim nothing more, and end when what is in hand is done."""
        self._stopping.set()

    async def run(self, *, once: bool = False) -> None:
        """Poll until `stop`; `once`: until nothing is due. A store or broker that is away is waited for."""
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="feeds"))
        renewing = asyncio.create_task(self._renew())
        try:
            while not self._stopping.is_set():
                try:
                    claimed = await self._claim()
                except TRANSIENT as error:
                    log.warning("waiting", error=str(error))
                    await self._idle(1.0)
                    continue
                if once and not claimed and not self._in_hand:
                    break
                if not claimed:
                    await self._idle(_IDLE_SECONDS / 10 if once else _IDLE_SECONDS)
            await self._finish_in_hand()
        finally:
            renewing.cancel()

    async def _claim(self) -> int:
        """Take in hand what is due and there is room for; how many that were."""
        if time.monotonic() - self._laid_at > _LAY_SECONDS:
            await self._lay()
        room = self._settings.feed_polls - len(self._in_hand)
        if room <= 0:
            await asyncio.wait(self._in_hand, return_when=asyncio.FIRST_COMPLETED, timeout=_IDLE_SECONDS)
            return 1
        claims = await asyncio.to_thread(self._schedule.claim, room, self._settings.feed_lease)
        if claims is None:
            log.warning("the broker has no schedule of the feeds; it is made anew")
            await self._lay()
            return 1
        for claim in claims:
            task = asyncio.create_task(self._take(claim))
            self._in_hand[task] = claim
            task.add_done_callback(lambda done: self._in_hand.pop(done, None))
        return len(claims)

    async def _lay(self) -> None:
        """Spread over the least interval, so that a lost broker does not set off all feeds at once."""

        def lay() -> None:
            self._schedule.lay(list(self._subscriptions.ids()), self._settings.feed_interval_min)

        await asyncio.to_thread(lay)
        self._laid_at = time.monotonic()

    async def _idle(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._settings.feed_lease / _RENEWALS_PER_LEASE)
            claims = list(self._in_hand.values())
            try:
                await asyncio.to_thread(self._schedule.renew, claims, self._settings.feed_lease)
            except TRANSIENT as error:
                # A lease that ends means that a feed is polled by two, and admission knows its entries.
                log.warning("leases not renewed", error=str(error))

    async def _finish_in_hand(self) -> None:
        """What is not done in time is given back and due at once."""
        if self._in_hand:
            await asyncio.wait(self._in_hand, timeout=self._settings.stop_seconds)
        late = dict(self._in_hand)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        for claim in late.values():
            with contextlib.suppress(*TRANSIENT):
                await asyncio.to_thread(self._schedule.finish, claim, 0.0)

    async def _take(self, claim: Claim) -> None:
        """One claimed feed, from its object to its object. Never raises, but for being cancelled."""
        try:
            feed = await asyncio.to_thread(self._subscriptions.get, claim.id)
            if feed is None:
                await asyncio.to_thread(self._schedule.drop, claim.id)
                return
            polled = await self._poll(feed, claim)
            await asyncio.to_thread(self._put_back, claim, feed, polled)
        except TRANSIENT as error:
            log.warning("not put back, its lease will end", feed=claim.id, error=str(error))
        except ValueError as error:
            log.critical("feed cannot be read", feed=claim.id, error=str(error))
            with contextlib.suppress(*TRANSIENT):
                await asyncio.to_thread(self._schedule.finish, claim, _BROKEN_SECONDS)

    async def _poll(self, feed: Subscription, claim: Claim) -> Polled:
        pulse = claim.pulse or feed.pulse
        if pulse.status == "gone":
            return Polled(feed, pulse, None)
        if claim.pulse is None and pulse.due > time.time():
            # The schedule was lost, and is kept to where the store knows it: who asked us to wait is not polled.
            return Polled(feed, pulse, pulse.due - time.time())
        try:
            async with asyncio.timeout(_POLL_SECONDS):
                polled = await self._polling.poll(feed, pulse)
        except Exception as error:  # ours, or one nobody foresaw: this feed waits, the others go on
            log.exception("poll failed", feed=feed.id, url=feed.url)
            failed = replace(pulse, outcome="error", explanation=repr(error), failures=pulse.failures + 1)
            metrics.intake.feed_polls.labels("error").inc()
            return Polled(feed, failed, rhythm.delay_after_failure(failed, feed.options, self._settings, None))
        log.info(
            "polled",
            feed=feed.id,
            url=feed.url,
            outcome=polled.pulse.outcome,
            explanation=polled.pulse.explanation,
            again_in=None if polled.delay is None else round(polled.delay),
        )
        return polled

    def _put_back(self, claim: Claim, before: Subscription, polled: Polled) -> None:
        """The object first: a feed that is put back is as the store says."""
        now, pulse = polled.subscription, polled.pulse
        is_changed = replace(now, pulse=Pulse()) != replace(before, pulse=Pulse())
        is_changed = is_changed or pulse.status != before.pulse.status
        if (is_changed or pulse.polled - before.pulse.polled > _WRITE_SECONDS) and self._schedule.holds(claim):
            self._subscriptions.put(replace(now, pulse=pulse))
        if not self._schedule.finish(claim, polled.delay, pulse):
            log.warning("feed was taken by another poller, or the broker has lost it", feed=claim.id)


async def poll(settings: Settings, store: ArtifactStore, admission: Admits, *, once: bool = False) -> None:
    """Poll until SIGTERM or SIGINT; `once`: until nothing is due."""
    schedule = Schedule(broker.connect(settings))
    with Parsing(settings.feed_parsers) as parsing:
        async with Fetcher(settings) as fetcher:
            poller = Poller(Parts(settings, store, schedule, admission, fetcher, parsing))
            loop = asyncio.get_running_loop()
            for each in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(each, poller.stop)
            await poller.run(once=once)
