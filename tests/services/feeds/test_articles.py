"""Pages and transcripts from a real web server: how much is unpacked, and where one leads that a feed links to."""

from __future__ import annotations

import asyncio
import gzip
import os

import pytest

from pipeline.readers.feed import Entry
from pipeline.transcript import Transcript
from services.feeds.articles import Articles, NotRead
from services.feeds.hosts import Hosts
from services.fetching import Fetcher
from services.settings import Settings
from tests.services.feeds.site import Answer, Site

LOCAL = Settings(fetch_allow="127.0.0.1", fetch_host_seconds=0)
WORDS = "Рада ухвалила рішення про ремонт мосту, і роботи почнуться вже навесні, коли спаде вода. "
PAGE = f"<html><body><article><h1>Міст</h1><p>{WORDS * 5}</p></article></body></html>".encode()
# Spaces and tabs without an order: they pack to a seventh, as text does.
BLANKS = bytes(b" \t"[each % 2] for each in range(256))


async def page(site: Site, settings: Settings = LOCAL) -> str:
    """The text of the page that lies under /n, or why it is not read."""
    async with Fetcher(settings) as fetcher:
        articles = Articles(settings, fetcher, Hosts(settings.fetch_host_requests))
        try:
            return (await articles.page(Entry(url=site.url("/n")), Transcript(text=""))).text
        except NotRead as error:
            return error.reason


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "ремонт мосту"),
        ({"fetch_bytes": 1_500_000}, "too-large"),
        ({"max_compression": 3}, "decompression-bomb"),
    ],
)
def test_a_body_that_is_packed_once_more_unpacks_within_the_limits(changes: dict[str, int], expected: str) -> None:
    packed = gzip.compress(PAGE + os.urandom(4_500_000).translate(BLANKS), 1)
    assert len(packed) < 1_500_000

    async def run() -> str:
        async with Site() as site:
            site.pages["/n"] = Answer(200, {"Content-Type": "text/html"}, packed)
            return await page(site, LOCAL.model_copy(update=changes))

    assert expected in asyncio.run(run())


def robots(rules: str) -> Answer:
    return Answer(200, {"Content-Type": "text/plain"}, f"User-agent: *\n{rules}\n".encode())


def moved(url: str) -> Answer:
    return Answer(302, {"Location": url})


ARTICLE = Answer(200, {"Content-Type": "text/html"}, PAGE)


def test_robots_of_the_host_that_a_redirect_leads_to_are_asked() -> None:
    async def run(rules: str) -> tuple[str, list[str]]:
        async with Site() as first, Site() as second:
            first.pages["/n"] = moved(second.url("/article"))
            second.pages |= {"/robots.txt": robots(rules), "/article": ARTICLE}
            return await page(first), [request.path for request in second.requests]

    assert asyncio.run(run("Disallow: /article")) == ("robots", ["/robots.txt"])
    text, asked = asyncio.run(run("Disallow: /other"))
    assert "ремонт мосту" in text and asked == ["/robots.txt", "/article"]


def test_a_redirect_within_a_host_is_followed_where_its_robots_allow_it() -> None:
    async def run(settings: Settings) -> list[str]:
        async with Site() as site:
            site.pages |= {"/robots.txt": robots("Disallow: /private"), "/n": moved("/b"), "/b": moved("/c")}
            site.pages["/c"] = ARTICLE
            found = [await page(site, settings)]
            site.pages["/b"] = moved("/private/c")
            found.append(await page(site, settings))
            site.pages["/n"] = moved("/n")
            return [*found, await page(site, settings)]

    # One turn at a time: who holds one while robots.txt is asked for would wait for himself.
    read, forbidden, endless = asyncio.run(run(LOCAL.model_copy(update={"fetch_host_requests": 1})))
    assert "ремонт мосту" in read
    assert (forbidden, endless) == ("robots", "too-many-redirects")


def test_the_host_that_a_redirect_leads_to_has_its_pauses() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async def run() -> float:
        async with Site() as first, Site() as second, Fetcher(LOCAL, resolve) as fetcher:
            second.pages["/robots.txt"] = robots("Crawl-delay: 0.4")
            articles = Articles(LOCAL, fetcher, Hosts(2))
            started = asyncio.get_running_loop().time()
            for number in range(3):
                first.pages["/n"] = moved(second.url(f"/article?{number}", "second.example"))
                second.pages[f"/article?{number}"] = ARTICLE
                await articles.page(Entry(url=first.url("/n")), Transcript(text=""))
            return asyncio.get_running_loop().time() - started

    assert asyncio.run(run()) >= 0.8
