"""One poll of one feed: fetch, parse, tell what is new, get its text, admit it, and say when to come again.

An entry is marked as seen only after admission took or rejected it. Whatever ends a poll before that (admission is
busy, the store is away, this process is killed) leaves it to the next poll.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Mapping
from typing import NamedTuple

from msgspec.structs import replace

from pipeline.readers.addresses import host
from pipeline.readers.feed import Broken, Entry, Feed, no_text, to_transcript, unreadable
from pipeline.readers.rejected import Rejected
from pipeline.transcript import Transcript
from services import metrics
from services.failures import TRANSIENT
from services.feeds import rhythm
from services.feeds.admitting import Admitting
from services.feeds.articles import Articles, NotRead
from services.feeds.hosts import Hosts
from services.feeds.parsing import Parsing
from services.feeds.subscriptions import Pulse, Subscription, entry_key, remember
from services.fetching import Fetched, Fetcher, FetchError, Validators
from services.pressure import Busy
from services.settings import Settings

ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, "
    "application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, */*;q=0.1"
)
# A page that could not be fetched so often is given up, and the feed's own words are taken.
_MOST_TRIES = 3
_DEFERRED_SECONDS = (5.0, 30.0)
# What a remembered redirect may have led to, when it was not for ever after all.
_ELSEWHERE = {"gone", "not-found", "dns"}
_EXPLANATION = 500
_AWAY_SECONDS = 30.0
_DAY = 86_400.0


class Polled(NamedTuple):
    """What a poll leaves: the feed as it is now, and in how many seconds to poll it again (None: never)."""

    subscription: Subscription
    pulse: Pulse
    delay: float | None


class _Found(NamedTuple):
    """A new or changed entry. `found` is None when its page is to be tried again."""

    key: str
    digest: str
    found: Transcript | Rejected | None


class Polling:
    def __init__(
        self,
        settings: Settings,
        fetcher: Fetcher,
        hosts: Hosts,
        parsing: Parsing,
        articles: Articles,
        admitting: Admitting,
    ) -> None:
        self._settings = settings
        self._fetcher = fetcher
        self._hosts = hosts
        self._parsing = parsing
        self._articles = articles
        self._admitting = admitting

    async def poll(self, feed: Subscription, pulse: Pulse) -> Polled:
        if self._hosts.is_crowded(feed.address):
            metrics.intake.feed_polls.labels("deferred").inc()
            return Polled(feed, pulse, random.uniform(*_DEFERRED_SECONDS))
        with metrics.intake.feed_poll_seconds.time():
            polled = await self._poll(feed, pulse)
        metrics.intake.feed_polls.labels(polled.pulse.outcome).inc()
        due = 0.0 if polled.delay is None else time.time() + polled.delay
        return polled._replace(pulse=replace(polled.pulse, due=due))

    async def _poll(self, feed: Subscription, pulse: Pulse) -> Polled:
        try:
            async with self._hosts.turn(feed.address):
                fetched = await self._fetcher.fetch(feed.address, accept=ACCEPT, validators=_validators(pulse))
            body = _digest(fetched.body)
            if not pulse.is_pending and (fetched.is_unchanged or body == pulse.body):
                return self._unchanged(_moved(feed, fetched), _validated(pulse, fetched, pulse.body), fetched)
            form = await self._parsing.parse(fetched.body, fetched.url, fetched.media_type, self._settings.feed_entries)
        except FetchError as error:
            return self._failed(feed, pulse, error.outcome, error.explanation, error.retry_after)
        except Rejected as rejected:
            return self._failed(feed, pulse, rejected.reason, rejected.explanation, None)
        return await self._changed(_moved(feed, fetched), _validated(pulse, fetched, body), fetched, form)

    def _unchanged(self, feed: Subscription, pulse: Pulse, fetched: Fetched) -> Polled:
        pulse = self._went_well(pulse, "unchanged", changed=False)
        return Polled(feed, pulse, self._delay(feed, pulse, fetched, None))

    async def _changed(self, feed: Subscription, pulse: Pulse, fetched: Fetched, form: Feed) -> Polled:
        """Whether it really has changed, is for its entries to say."""
        items: tuple[Entry | Broken, ...] = (*form.broken, *reversed(form.entries))
        entries = {entry_key(item.identity): item for item in items}
        fresh = {key: entry for key, entry in entries.items() if feed.seen.get(key) != entry.digest}
        found, tries = await self._texts(feed, pulse, form, fresh)
        done = {item.key: item.digest for item in found if item.found is not None}
        try:
            await self._admit(found)
        except Busy as busy:
            return Polled(feed, replace(_unvalidated(pulse), outcome="busy", polled=time.time()), busy.retry_after)
        except TRANSIENT as error:
            away = replace(
                _unvalidated(pulse), outcome="away", explanation=str(error)[:_EXPLANATION], polled=time.time()
            )
            return Polled(feed, away, _AWAY_SECONDS)
        still = {key: feed.seen[key] for key in entries if key in feed.seen and key not in done}
        feed = replace(
            feed,
            title=form.title or feed.title,
            site=form.url or feed.site,
            hub=form.hub,
            seen=remember(feed.seen, still | done, self._settings.feed_seen),
        )
        pulse = self._went_well(pulse, "changed" if fresh else "unchanged", changed=bool(fresh), form=form)
        if form.is_finished:
            return Polled(feed, replace(pulse, status="gone", outcome="finished", tries={}), None)
        if len(done) == len(fresh):
            return Polled(feed, replace(pulse, tries={}), self._delay(feed, pulse, fetched, form.ttl))
        # Some wait: for a second try, or because there were more than one poll takes.
        pulse = replace(_unvalidated(pulse), tries=tries)
        return Polled(feed, pulse, self._settings.feed_interval_min)

    # Texts

    async def _texts(
        self, feed: Subscription, pulse: Pulse, form: Feed, fresh: Mapping[str, Entry | Broken]
    ) -> tuple[list[_Found], dict[str, int]]:
        """The best text of each, as far as one poll goes; and how often each of those that wait was tried."""
        found, tries, links = [], dict[str, int](), 0
        for key, entry in fresh.items():
            if isinstance(entry, Broken):
                found.append(_Found(key, entry.digest, unreadable(entry)))
                continue
            is_linked = (feed.options.transcripts and bool(entry.transcripts)) or (
                feed.options.full_text and entry.url is not None
            )
            if is_linked and links >= self._settings.feed_articles:
                found.append(_Found(key, entry.digest, None))
                continue
            links += is_linked
            tried = pulse.tries.get(key, 0)
            text = await self._text(feed, form, entry, is_last=tried + 1 >= _MOST_TRIES)
            if text is None:
                tries[key] = tried + 1
            found.append(_Found(key, entry.digest, text))
        return found, tries

    async def _text(
        self, feed: Subscription, form: Feed, entry: Entry, *, is_last: bool
    ) -> Transcript | Rejected | None:
        """None when what it links to may be had at the next poll."""
        own = _transcript(feed, form, entry)
        wanted = (
            ("transcript", feed.options.transcripts and bool(entry.transcripts), self._articles.transcript),
            ("page", feed.options.full_text and entry.url is not None, self._articles.page),
        )
        for kind, is_wanted, fetch in wanted:
            if not is_wanted:
                continue
            try:
                text = await fetch(entry, own)
            except NotRead as error:
                metrics.intake.feed_links.labels(kind, error.reason).inc()
                if error.is_passing and not is_last:
                    return None
            else:
                metrics.intake.feed_links.labels(kind, "read").inc()
                return text
        return _checked(own, entry, self._settings.max_document_bytes)

    async def _admit(self, found: list[_Found]) -> None:
        """Raises what admission raises."""
        texts = [item.found for item in found]
        for result in await self._admitting.admit([text for text in texts if isinstance(text, Transcript)]):
            metrics.intake.feed_entries.labels(result.reason if isinstance(result, Rejected) else result.verdict).inc()
        for text in texts:
            if isinstance(text, Rejected):
                metrics.intake.feed_entries.labels(text.reason).inc()
                metrics.intake.rejections.labels("feed", text.reason).inc()

    # Rhythm

    def _went_well(self, pulse: Pulse, outcome: str, *, changed: bool, form: Feed | None = None) -> Pulse:
        now = time.time()
        if pulse.interval:
            pulse = rhythm.observed(pulse, changed, now, self._settings)
        else:  # the first poll finds everything new, which tells nothing
            announced = (form.period or form.ttl) if form is not None else None
            pulse = replace(pulse, interval=rhythm.beginning(announced, self._settings))
        return replace(
            pulse,
            status="active",
            outcome=outcome,
            explanation="; ".join(form.problems[:3])[:_EXPLANATION] if form is not None else pulse.explanation,
            polled=now,
            changed=now if changed else pulse.changed,
            failures=0,
            failing_since=0.0,
        )

    def _delay(self, feed: Subscription, pulse: Pulse, fetched: Fetched, ttl: float | None) -> float:
        return rhythm.delay(pulse, feed.options, self._settings, ttl, fetched.headers.get("cache-control", ""))

    def _failed(
        self, feed: Subscription, pulse: Pulse, outcome: str, explanation: str, retry_after: float | None
    ) -> Polled:
        if feed.moved_to is not None and outcome in _ELSEWHERE:
            feed, outcome = replace(feed, moved_to=None), "moved-away"  # perhaps the first address knows another
        now = time.time()
        since = pulse.failing_since or now
        is_failing = now - since > self._settings.feed_failing_days * _DAY
        pulse = replace(
            pulse,
            outcome=outcome,
            explanation=explanation[:_EXPLANATION],
            polled=now,
            failures=pulse.failures + 1,
            failing_since=since,
            status="gone" if outcome == "gone" else "failing" if is_failing else pulse.status,
        )
        if outcome == "gone":
            return Polled(feed, pulse, None)
        return Polled(feed, pulse, rhythm.delay_after_failure(pulse, feed.options, self._settings, retry_after))


def source_of(feed: Subscription) -> str:
    """What its documents' source is called. By the URL it was subscribed to: a site may change its links and title."""
    return feed.options.source or host(feed.url) or "feed"


def _transcript(feed: Subscription, form: Feed, entry: Entry) -> Transcript:
    """The entry as a transcript of the feed's own words, which may be none.

    A guid such as `1234` is one within its feed only, and a source may have several feeds.
    """
    guid = entry.guid if entry.guid is None or ":" in entry.guid else f"{feed.id}:{entry.guid}"
    language = entry.language or feed.options.language or form.language
    return to_transcript(replace(entry, guid=guid), source_of(feed), language)


def _checked(own: Transcript, entry: Entry, most_bytes: int) -> Transcript | Rejected:
    if not own.text:
        return no_text(entry)
    if len(own.text.encode("utf-8", "replace")) > most_bytes:
        return Rejected("too-large", f"an entry of more than {most_bytes:,} bytes (EFIR_MAX_DOCUMENT_BYTES)")
    return own


def _moved(feed: Subscription, fetched: Fetched) -> Subscription:
    """At its new address, once that has turned out to have the feed."""
    return replace(feed, moved_to=fetched.permanent_url) if fetched.permanent_url else feed


def _validators(pulse: Pulse) -> Validators | None:
    if pulse.is_pending or pulse.validated_url is None:
        return None
    return Validators(pulse.validated_url, pulse.etag, pulse.last_modified)


def _validated(pulse: Pulse, fetched: Fetched, body: str | None) -> Pulse:
    """With what the server said for the next time. A 304 need not repeat it (RFC 9110, 15.4.5)."""
    headers = fetched.headers
    kept = (pulse.etag, pulse.last_modified) if fetched.is_unchanged else (None, None)
    return replace(
        pulse,
        validated_url=fetched.url,
        etag=headers.get("etag", kept[0]),
        last_modified=headers.get("last-modified", kept[1]),
        body=body,
        is_pending=False,
    )


def _unvalidated(pulse: Pulse) -> Pulse:
    """The next poll is to read the feed even when it has not changed."""
    return replace(pulse, is_pending=True)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]
