"""What becomes of a feed that is polled, on real parts."""

from __future__ import annotations

import asyncio
import gzip
import time
from itertools import pairwise

import pytest
from msgspec.structs import replace

from pipeline.readers import Limits, Rejected
from pipeline.store import ArtifactStore, StoreUnavailable
from pipeline.transcript import Transcript
from services.feeds.articles import read_body
from services.feeds.subscriptions import Options, Subscription, feed_id, remember
from services.pressure import Busy
from services.settings import Settings
from tests.services.counted import rejections
from tests.services.feeds.rig import Rig, item, rig, rss
from tests.services.feeds.site import Answer, Request


def feed_of(*items: str, **headers: str) -> Answer:
    return Answer(200, {name.replace("_", "-"): value for name, value in headers.items()}, rss(*items))


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


def test_two_pollers_share_the_feeds_and_poll_none_twice(settings: Settings, store: ArtifactStore) -> None:
    async def run() -> None:
        async with rig(settings, store) as here:
            for number in range(30):
                here.site.pages[f"/{number}"] = feed_of(item(number))
                here.subscribe(f"/{number}")
            few = here.settings.model_copy(update={"feed_polls": 3, "fetch_host_requests": 3})
            await asyncio.gather(here.poll(few), here.poll(few))
            assert here.site.hits == {f"/{number}": 1 for number in range(30)}
            assert len(here.admission.given) == 30

    asyncio.run(run())


def test_a_slow_feed_is_not_taken_by_another_poller_while_its_lease_is_renewed(
    settings: Settings, store: ArtifactStore
) -> None:
    async def run() -> None:
        async with rig(settings, store) as here:
            name = here.subscribe()
            short = here.settings.model_copy(update={"feed_lease": 1.0})
            async with here.poller(short) as slow:

                async def poll(*_: object) -> object:
                    await asyncio.sleep(2.5)
                    raise RuntimeError("done at last")

                slow._polling.poll = poll  # type: ignore[assignment, method-assign]
                running = asyncio.create_task(slow.run(once=True))
                for _ in range(10):
                    await asyncio.sleep(0.2)
                    assert here.schedule.claim(5, 1.0) == []
                assert here.schedule.hold(name, 1.0) is None
                await running
            pulse = here.schedule.pulse(name)
            assert pulse is not None and (pulse.outcome, pulse.failures) == ("error", 1)

    asyncio.run(run())


def test_the_feeds_of_a_dead_poller_are_polled_by_another(settings: Settings, store: ArtifactStore) -> None:
    async def run() -> None:
        async with rig(settings, store, feed=feed_of(item(1))) as here:
            name = here.subscribe()
            (lost,) = here.schedule.claim(5, 3.0) or []
            await here.poll()
            assert here.site.hits == {}
            await asyncio.sleep(3.1)
            await here.poll()
            assert here.site.hits == {"/feed": 1}
            assert not here.schedule.finish(lost, 5.0), "who lost a feed cannot put it back"
            assert here.schedule.waits()[name] > 100

    asyncio.run(run())


def test_a_lost_schedule_is_made_anew_and_nothing_is_admitted_again(settings: Settings, store: ArtifactStore) -> None:
    async def run() -> None:
        async with rig(settings, store, feed=feed_of(item(1)), busy=Answer(429, {"Retry-After": "5000"})) as here:
            name, busy = here.subscribe(), here.subscribe("/busy")
            await here.poll()
            stored = here.feed(busy)
            pulse = here.schedule.pulse(busy)
            assert pulse is not None
            here.subscriptions.put(replace(stored, pulse=pulse))
            here.subscriptions.put(replace(here.feed(name), pulse=replace(here.feed(name).pulse, due=0.0)))
            here.client.flushdb()
            await here.poll()
            assert set(here.schedule.waits()) == {name, busy}
            assert max(here.schedule.waits().values()) < here.settings.feed_interval_min, "gently spread"
            await here.poll_again()
            assert here.site.hits == {"/feed": 2, "/busy": 1}, "who asked us to wait is not polled"
            assert here.schedule.waits()[busy] > 4000
            assert len(here.admission.given) == 1

    asyncio.run(run())


def test_a_removed_feed_is_forgotten_and_one_that_cannot_be_read_stops_nobody(
    settings: Settings, store: ArtifactStore
) -> None:
    async def run() -> None:
        async with rig(settings, store, feed=feed_of(item(1))) as here:
            here.subscribe()
            here.schedule.add(["0123456789abcdef", "feedfeedfeedfeed"])
            store.replace("feeds/feedfeedfeedfeed.json", b"{")
            await here.poll()
            assert len(here.admission.given) == 1
            assert "0123456789abcdef" not in here.schedule.waits()
            assert here.schedule.waits()["feedfeedfeedfeed"] > 3000

    asyncio.run(run())


def test_a_stopped_poller_gives_back_what_it_has(settings: Settings, store: ArtifactStore) -> None:
    async def run() -> None:
        async with rig(settings, store) as here:
            name = here.subscribe()

            def page(request: Request) -> Answer:
                async def never():  # type: ignore[no-untyped-def]
                    await asyncio.sleep(30)
                    yield b""

                return Answer(stream=never)

            here.site.pages["/feed"] = page
            async with here.poller(here.settings.model_copy(update={"stop_seconds": 0.2})) as poller:
                running = asyncio.create_task(poller.run())
                while not here.site.requests:
                    await asyncio.sleep(0.05)
                poller.stop()
                await asyncio.wait_for(running, 5)
            assert here.schedule.waits()[name] <= 0 and not here.schedule.held()

    asyncio.run(run())


def test_a_crowded_host_does_not_keep_the_others_waiting(settings: Settings, store: ArtifactStore) -> None:
    async def run() -> None:
        async with rig(settings, store) as here:
            for number in range(40):
                here.site.pages[f"/{number}"] = feed_of(item(number))
                here.subscribe(f"/{number}")
            await here.poll(here.settings.model_copy(update={"fetch_host_requests": 1}))
            assert here.site.most_open <= 2
            late = [name for name, wait in here.schedule.waits().items() if wait < 40]
            assert late and len(here.admission.given) + len(late) == 40

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


# Pages and transcripts

ROBOTS = b"User-agent: Efir\nDisallow: /n/2\nCrawl-delay: 0.1\n"


def pages(here: Rig) -> None:
    here.site.pages["/robots.txt"] = Answer(200, {"Content-Type": "text/plain"}, ROBOTS)
    for number in (1, 2):
        body = f"Повний текст новини {number}.".encode()
        here.site.pages[f"/n/{number}"] = Answer(200, {"Content-Type": "text/html"}, body)


def test_article_pages_are_fetched_where_robots_allow_it(settings: Settings, store: ArtifactStore) -> None:
    async def run() -> None:
        async with rig(settings, store, feed=feed_of(item(2), item(1))) as here:
            pages(here)
            here.subscribe(options=Options(full_text=True))
            await here.poll()
            assert here.admission.texts == ["Повний текст новини 1.", "Новина номер 2."]
            assert here.admission.given[0].format == "text/html" and here.admission.given[0].guid == "urn:news:1"
            assert here.site.hits == {"/feed": 1, "/robots.txt": 1, "/n/1": 1}

    asyncio.run(run())


def test_a_host_that_cannot_say_what_is_allowed_allows_nothing(settings: Settings, store: ArtifactStore) -> None:
    async def run() -> None:
        async with rig(settings, store, feed=feed_of(item(1))) as here:
            pages(here)
            here.site.pages["/robots.txt"] = Answer(503)
            here.subscribe(options=Options(full_text=True))
            await here.poll()
            assert here.admission.texts == ["Новина номер 1."] and here.site.hits["/n/1"] == 0

    asyncio.run(run())


def test_a_page_that_does_not_come_is_tried_three_times(settings: Settings, store: ArtifactStore) -> None:
    async def run() -> None:
        async with rig(settings, store, feed=feed_of(item(1), item(3), ETag='"1"')) as here:
            pages(here)
            here.site.pages["/n/1"] = Answer(503)
            name = here.subscribe(options=Options(full_text=True))
            await here.poll()
            assert here.admission.texts == ["Новина номер 3."], "its page is not found, so the feed's words count"
            await here.poll_again()
            assert len(here.admission.given) == 1
            await here.poll_again()
            assert here.admission.texts[1:] == ["Новина номер 1."] and here.site.hits["/n/1"] == 3
            pulse = here.schedule.pulse(name)
            assert pulse is not None and pulse.tries == {} and not pulse.is_pending

    asyncio.run(run())


def test_pages_above_what_one_poll_takes_wait_for_the_next(settings: Settings, store: ArtifactStore) -> None:
    async def run() -> None:
        async with rig(settings, store, feed=feed_of(item(1), item(2), item(3))) as here:
            here.subscribe(options=Options(full_text=True))
            few = here.settings.model_copy(update={"feed_articles": 2})
            await here.poll(few)
            assert len(here.admission.given) == 2
            await here.poll_again(few)
            assert sorted(here.admission.texts) == [f"Новина номер {number}." for number in (1, 2, 3)]

    asyncio.run(run())


def test_the_transcript_of_an_episode_is_its_text(settings: Settings, store: ArtifactStore) -> None:
    links = (
        '<podcast:transcript url="{site}/1.html" type="text/html"/>'
        '<podcast:transcript url="{site}/1.srt" type="application/srt"/>'
        '<podcast:transcript url="{site}/en.vtt" type="text/vtt" language="en"/>'
    )

    async def run() -> None:
        async with rig(settings, store) as here:
            episode = item(1, "Про що цей випуск.", links.replace("{site}", here.site.url("")))
            here.site.pages["/feed"] = feed_of(episode, item(2))
            here.site.pages["/1.html"] = Answer(200, {"Content-Type": "text/html"}, b"words")
            here.site.pages["/1.srt"] = Answer(404)
            here.subscribe(options=Options(transcripts=True))
            await here.poll()
            assert here.admission.texts == ["Новина номер 2.", "words"]
            order = [each.path for each in here.site.requests]
            assert order == ["/feed", "/1.srt", "/1.html"], "with times first, the episode's language before others"

    asyncio.run(run())


LIMITS = Limits(document_bytes=100_000)


def test_pages_and_transcripts_are_read_by_the_readers() -> None:
    words = "Рада ухвалила рішення про ремонт мосту, і роботи почнуться вже навесні, коли спаде вода. "
    page = f"<html><body><nav>Меню</nav><article><h1>Міст</h1><p>{words * 5}</p></article></body></html>"
    found = read_body(page.encode(), "text/html; charset=utf-8", "https://example.org/1", LIMITS)
    assert isinstance(found, Transcript) and found.format == "html"
    assert "ремонт мосту" in found.text and "Меню" not in found.text
    cues = "WEBVTT\n\n00:01.000 --> 00:04.000\n<v Олена>Добрий день, це новини.\n"
    found = read_body(cues.encode(), "text/vtt", "https://example.org/1.vtt", LIMITS)
    assert isinstance(found, Transcript) and found.segments[0].begins == 1.0 and found.segments[0].speaker == "Олена"
    assert isinstance(read_body(b"", "text/html", "https://example.org/", LIMITS), Rejected)


def test_subscriptions_have_the_id_of_their_url() -> None:
    assert feed_id("https://example.org/feed") == feed_id("https://example.org/feed") != feed_id("https://example.org/")
    assert Subscription(id="1", url="a", added=0, moved_to="b").address == "b"
