"""What is behind the entries of a feed that is polled: article pages and transcripts, on real parts."""

from __future__ import annotations

import asyncio

from pipeline.readers import Limits, Rejected
from pipeline.store import ArtifactStore
from pipeline.transcript import Transcript
from services.feeds.articles import read_body
from services.feeds.subscriptions import Options
from services.settings import Settings
from tests.services.feeds.rig import Rig, feed_of, item, rig
from tests.services.feeds.site import Answer

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
