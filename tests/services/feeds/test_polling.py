"""What becomes of a feed that is polled, on real parts."""

from __future__ import annotations

import asyncio
import gzip
import time
from itertools import pairwise

import pytest
from msgspec.structs import replace

from pipeline.store import ArtifactStore, StoreUnavailable
from services.feeds.subscriptions import Options, Subscription, feed_id, remember
from services.pressure import Busy
from services.settings import Settings
from tests.services.counted import rejections
from tests.services.feeds.rig import feed_of, item, rig, rss
from tests.services.feeds.site import Answer, Request


def test_entries_are_admitted_once_oldest_first(settings: Settings, store: ArtifactStore) -> None:
    async def run() -> None:
        async with rig(settings, store, feed=feed_of(item(2), item(1))) as here:
            name = here.subscribe()
            await here.poll()
            await here.poll_again()
            assert here.admission.texts == ["Новина номер 1.", "Новина номер 2."]
            first = here.admission.given[0]
            assert (first.guid, first.url, first.source) == ("urn:news:1", here.site.url("/n/1"), "127.0.0.1")
            assert (first.language, first.title, first.format) == ("uk", "Новина 1", "feed")
            feed = here.feed(name)
            assert (feed.title, len(feed.seen), feed.pulse.outcome) == ("Новини", 2, "changed")
            pulse = here.schedule.pulse(name)
            assert pulse is not None and pulse.outcome == "unchanged"
            assert here.schedule.waits()[name] > 0 and not here.schedule.held()

    asyncio.run(run())


def test_what_is_new_and_what_has_changed_is_admitted_and_nothing_else(
    settings: Settings, store: ArtifactStore
) -> None:
    async def run() -> None:
        async with rig(settings, store, feed=feed_of(item(1), item(2))) as here:
            here.subscribe()
            await here.poll()
            here.admission.given.clear()
            here.site.pages["/feed"] = feed_of(item(3), item(1, "Новину уточнено."), item(2))
            await here.poll_again()
            assert here.admission.texts == ["Новину уточнено.", "Новина номер 3."]
            assert here.admission.given[0].guid == "urn:news:1", "a revision of the same story"

    asyncio.run(run())


def test_an_unchanged_feed_costs_a_304(settings: Settings, store: ArtifactStore) -> None:
    def page(request: Request) -> Answer:
        if request.headers.get("if-none-match") == '"7"' and "if-modified-since" in request.headers:
            return Answer(304)
        return feed_of(item(1), ETag='"7"', Last_Modified="Fri, 02 Jan 2026 10:00:00 GMT")

    async def run() -> None:
        async with rig(settings, store) as here:
            here.site.pages["/feed"] = page
            name = here.subscribe()
            for _ in range(3):
                await here.poll_again()
            assert ["if-none-match" in each.headers for each in here.site.requests] == [False, True, True]
            pulse = here.schedule.pulse(name)
            assert pulse is not None and (pulse.outcome, pulse.etag) == ("unchanged", '"7"')
            assert len(here.admission.given) == 1

    asyncio.run(run())


def test_a_feed_that_moved_for_good_is_polled_at_its_new_address(settings: Settings, store: ArtifactStore) -> None:
    async def run() -> None:
        async with rig(
            settings, store, new=Answer(200, {"Content-Encoding": "gzip"}, gzip.compress(rss(item(1))))
        ) as here:
            here.site.pages["/feed"] = Answer(301, {"Location": "/new"})
            name = here.subscribe()
            await here.poll()
            await here.poll_again()
            assert here.site.hits == {"/feed": 1, "/new": 2}
            feed = here.feed(name)
            assert (feed.url, feed.moved_to) == (here.site.url("/feed"), here.site.url("/new"))

    asyncio.run(run())


def test_an_address_that_turns_out_to_be_wrong_is_not_remembered(settings: Settings, store: ArtifactStore) -> None:
    async def run() -> None:
        async with rig(settings, store, login=Answer(body=b"<html>Who are you?</html>"), new=feed_of(item(1))) as here:
            here.site.pages["/feed"] = Answer(301, {"Location": "/login"})
            name = here.subscribe()
            await here.poll()
            assert here.feed(name).moved_to is None
            here.site.pages["/feed"] = Answer(301, {"Location": "/new"})
            await here.poll_again()
            assert here.feed(name).moved_to == here.site.url("/new")
            here.site.pages |= {"/new": Answer(410), "/feed": feed_of(item(2))}
            await here.poll_again()
            await here.poll_again()
            assert here.feed(name).moved_to is None and here.admission.texts == ["Новина номер 1.", "Новина номер 2."]

    asyncio.run(run())


def test_an_entry_is_bounded_like_every_document(settings: Settings, store: ArtifactStore) -> None:
    async def run() -> None:
        async with rig(settings, store, feed=feed_of(item(1, "слово " * 2000), item(2))) as here:
            here.subscribe()
            await here.poll(here.settings.model_copy(update={"max_document_bytes": 10_000}))
            assert here.admission.texts == ["Новина номер 2."]

    asyncio.run(run())


def test_a_validator_that_cannot_be_sent_is_not(settings: Settings, store: ArtifactStore) -> None:
    async def run() -> None:
        async with rig(settings, store, feed=feed_of(item(1), ETag="\xe9\xff")) as here:
            name = here.subscribe()
            await here.poll()
            await here.poll_again()
            pulse = here.schedule.pulse(name)
            assert pulse is not None and pulse.outcome == "unchanged"

    asyncio.run(run())


def test_a_feed_that_is_gone_is_never_polled_again(settings: Settings, store: ArtifactStore) -> None:
    async def run() -> None:
        async with rig(settings, store, feed=Answer(410)) as here:
            name = here.subscribe()
            await here.poll()
            assert here.feed(name).pulse.status == "gone"
            assert name not in here.schedule.waits()
            here.client.flushdb()  # not even when the schedule is made anew
            await here.poll(here.settings.model_copy(update={"feed_interval_min": 0.001}))
            await here.poll()
            assert here.site.hits == {"/feed": 1} and name not in here.schedule.waits()

    asyncio.run(run())


def test_retry_after_is_kept_to_and_errors_are_answered_with_patience(settings: Settings, store: ArtifactStore) -> None:
    async def run() -> None:
        async with rig(settings, store, feed=Answer(503, {"Retry-After": "7200"}), broken=Answer(body=b"<rss")) as here:
            busy, broken = here.subscribe(), here.subscribe("/broken")
            waits = []
            for _ in range(4):
                await here.poll_again()
                assert here.schedule.waits()[busy] > 7190
                waits.append(here.schedule.waits()[broken])
            assert all(later > 1.5 * sooner for sooner, later in pairwise(waits)), waits
            pulse = here.schedule.pulse(broken)
            assert pulse is not None and (pulse.failures, pulse.outcome) == (4, "not-a-feed")
            here.site.pages["/broken"] = feed_of(item(1))
            await here.poll_again()
            pulse = here.schedule.pulse(broken)
            assert pulse is not None and (pulse.failures, pulse.outcome, pulse.status) == (0, "changed", "active")

    asyncio.run(run())


def test_a_feed_that_has_failed_for_days_is_called_failing(settings: Settings, store: ArtifactStore) -> None:
    async def run() -> None:
        async with rig(settings, store, feed=Answer(404)) as here:
            name = here.subscribe()
            await here.poll()
            old = here.feed(name)
            since = time.time() - 8 * 86_400
            here.client.delete("efir:feeds:pulses")
            here.subscriptions.put(replace(old, pulse=replace(old.pulse, failures=30, failing_since=since, due=0.0)))
            await here.poll_again()
            assert here.feed(name).pulse.status == "failing"
            assert 0.8 * 86_400 < here.schedule.waits()[name] < 1.2 * 86_400, "and still polled"

    asyncio.run(run())


@pytest.mark.parametrize("problem", [Busy(9, 5, 7.0), StoreUnavailable("away")])
def test_nothing_is_lost_while_admission_is_closed(
    settings: Settings, store: ArtifactStore, problem: Exception
) -> None:
    async def run() -> None:
        async with rig(settings, store, feed=feed_of(item(1), ETag='"1"')) as here:
            name = here.subscribe()
            here.admission.closed = problem
            await here.poll()
            assert 0 < here.schedule.waits()[name] < 40 and here.feed(name).seen == {}
            here.admission.closed = None
            await here.poll_again()
            assert len(here.admission.given) == 1
            assert all("if-none-match" not in each.headers for each in here.site.requests)

    asyncio.run(run())


def test_a_finished_json_feed_is_not_polled_again(settings: Settings, store: ArtifactStore) -> None:
    body = (
        b'{"version":"https://jsonfeed.org/version/1.1","expired":true,"items":[{"id":"1","content_text":"The end."}]}'
    )

    async def run() -> None:
        async with rig(settings, store, feed=Answer(body=body)) as here:
            name = here.subscribe(options=Options(source="Архів", language="en"))
            await here.poll()
            (given,) = here.admission.given
            assert (given.source, given.language, given.guid) == ("Архів", "en", f"{name}:1")
            assert here.feed(name).pulse.status == "gone"

    asyncio.run(run())


def test_a_broken_item_is_rejected_and_counted_once(settings: Settings, store: ArtifactStore) -> None:
    def feed(*items: str) -> Answer:
        head = '{"version":"https://jsonfeed.org/version/1.1","items":['
        return Answer(body=f"{head}{','.join(items)}]}}".encode())

    good, broken, empty = '{"id":"1","content_text":"Перша."}', '{"id":"2","url":["?"]}', '{"id":"3"}'

    async def run() -> None:
        async with rig(settings, store, feed=feed(good, broken, empty)) as here:
            before = rejections(settings)
            name = here.subscribe()
            await here.poll()
            here.site.pages["/feed"] = feed('{"id":"4","content_text":"Четверта."}', good, broken, empty)
            await here.poll_again()
            assert here.admission.texts == ["Перша.", "Четверта."]
            assert rejections(settings) - before == {("feed", "unreadable"): 1, ("feed", "empty"): 1}
            here.site.pages["/feed"] = feed(good, '{"id":"2","content_text":"Друга."}')
            await here.poll_again()
            assert here.admission.texts[2:] == ["Друга."]
            pulse = here.schedule.pulse(name)
            assert pulse is not None and pulse.outcome == "changed"

    asyncio.run(run())


def test_what_was_seen_is_bounded_and_the_last_is_kept() -> None:
    seen = remember({"a": "1", "b": "1"}, {"c": "1", "a": "2"}, 2)
    assert seen == {"c": "1", "a": "2"}


def test_subscriptions_have_the_id_of_their_url() -> None:
    assert feed_id("https://example.org/feed") == feed_id("https://example.org/feed") != feed_id("https://example.org/")
    assert Subscription(id="1", url="a", added=0, moved_to="b").address == "b"
