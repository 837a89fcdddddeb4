"""The fetcher against servers that mean no good, and against those that merely redirect."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import brotli
import httpx
import pytest
import zstandard

from services.addresses import Allowed
from services.fetching import Fetched, Fetcher, FetchError, Validators, retry_after
from services.settings import Settings
from tests.services.feeds.site import Answer, Site

LOCAL = Settings(fetch_allow="127.0.0.1", fetch_seconds=2, fetch_connect_seconds=1, fetch_bytes=3_000_000)
STRICT = LOCAL.model_copy(update={"fetch_allow": ""})


def fetching(
    url: Callable[[Site], str], settings: Settings = LOCAL, pages: dict[str, Answer] | None = None
) -> Fetched | FetchError:
    async def run() -> Fetched | FetchError:
        async with Site() as site, Fetcher(settings) as fetcher:
            site.pages.update(pages or {})
            try:
                return await fetcher.fetch(url(site))
            except FetchError as error:
                return error

    return asyncio.run(run())


def outcome(result: Fetched | FetchError) -> str:
    return result.outcome if isinstance(result, FetchError) else str(result.status)


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254"),
        *("168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1"),
        *("192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1"),
        *("64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::1"),
        *("2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "3fff::1", "4000::1", "5f00::1"),
        *("fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1"),
        *("2a01:4f8::5efe:10.0.0.1", "2a01:4f8::200:5efe:127.0.0.1"),
    ],
)
def test_what_is_not_on_the_public_internet_is_refused(address: str) -> None:
    assert Allowed([]).refusal("example.org", address) is not None


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "172.32.0.1", "100.128.0.1", "192.0.1.1", "2a01:4f8::1", "64:ff9b::1.1.1.1", "::ffff:8.8.8.8"],
)
def test_the_public_internet_is_not(address: str) -> None:
    assert Allowed([]).refusal("example.org", address) is None


def test_the_allow_list_names_networks_and_hosts() -> None:
    allowed = Allowed(["10.1.0.0/16", "News.intern", "fd12::/16"])
    assert allowed.refusal("any", "10.1.2.3") is None
    assert allowed.refusal("any", "::ffff:10.1.2.3") is None
    assert allowed.refusal("any", "fd12::3") is None
    assert allowed.refusal("news.intern.", "192.168.0.9") is None
    assert allowed.refusal("any", "10.2.2.3") == "private"
    with pytest.raises(ValueError, match=r"10\.1\.0\.0/99"):
        Allowed(["10.1.0.0/99"])


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:{port}/", "http://[::1]:{port}/", "http://localhost:{port}/", "http://0:{port}/"),
        *("http://2130706433:{port}/", "http://0x7f.1:{port}/", "http://[::ffff:127.0.0.1]:{port}/"),
        "http://169.254.169.254/latest/meta-data/",
    ],
)
def test_no_way_of_writing_this_machine_s_address_leads_to_it(url: str) -> None:
    assert outcome(fetching(lambda site: url.format(port=site.port), STRICT, {"/": Answer(200)})) == "refused-address"


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/passwd", "ftp://example.org/", "gopher://example.org/", "//example.org/", "example.org"),
        *("http://user@example.org/", "http://a:b@example.org/", "http://example.org:25/", "http://example.org:6667/"),
        *("http://", "http://[::1", "http://example.org:99999/", "http://example.org/" + "a" * 5000, "http://a b/"),
    ],
)
def test_only_plain_web_addresses_are_fetched(url: str) -> None:
    assert outcome(fetching(lambda _: url)) == "bad-url"


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("http://169.254.169.254/latest/meta-data/", "refused-address"),
        ("http://[::ffff:10.0.0.1]/", "refused-address"),
        ("http://[::1]/", "refused-address"),
        ("http://user:secret@127.0.0.1/", "bad-url"),
        ("file:///etc/passwd", "bad-url"),
        ("http://127.0.0.1:22/", "bad-url"),
    ],
)
def test_every_redirect_is_checked(location: str, expected: str) -> None:
    pages = {"/feed": Answer(302, {"Location": location})}
    assert outcome(fetching(lambda site: site.url("/feed"), LOCAL, pages)) == expected


def resolving(*answers: list[str]) -> tuple[Callable[[str, int], Awaitable[list[str]]], list[str]]:
    """A name server that gives these answers in turn, the last one for ever; and what it was asked."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    return resolve, asked


def test_a_name_that_resolves_to_a_private_address_among_others_is_refused() -> None:
    async def run(addresses: list[str]) -> str:
        resolve, _ = resolving(addresses)
        async with Fetcher(STRICT, resolve) as fetcher:
            with pytest.raises(FetchError) as caught:
                await fetcher.fetch("http://feeds.example.org/")
        return caught.value.outcome

    assert asyncio.run(run(["10.0.0.7"])) == "refused-address"
    assert asyncio.run(run(["1.1.1.1", "10.0.0.7"])) == "refused-address"
    assert asyncio.run(run([])) == "dns"


def test_a_name_that_changes_its_address_after_the_check_gains_nothing() -> None:
    """127.0.0.1 stands for the public address here; 127.0.0.2 for the one behind the wall."""

    async def run() -> None:
        resolve, asked = resolving(["127.0.0.1"], ["127.0.0.2"])
        settings = LOCAL.model_copy(update={"fetch_allow": "127.0.0.1/32"})
        async with Site() as site, Fetcher(settings, resolve) as fetcher:
            site.pages["/"] = Answer(body=b"public")
            fetched = await fetcher.fetch(site.url("/", "rebinding.example.org"))
            assert fetched.body == b"public"
            assert asked == ["rebinding.example.org"], "resolved once: the address that was checked is connected to"
            assert site.requests[0].headers["host"] == f"rebinding.example.org:{site.port}"
        async with Fetcher(settings, resolve) as fetcher:
            with pytest.raises(FetchError) as caught:
                await fetcher.fetch("http://rebinding.example.org:8000/")
            assert caught.value.outcome == "refused-address"

    asyncio.run(run())


def bomb(encoding: str) -> bytes:
    zeros = bytes(30_000_000)
    if encoding == "br":
        return brotli.compress(zeros, quality=4)
    return {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstandard.compress}[encoding](zeros)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_a_decompression_bomb_does_not_go_off(encoding: str) -> None:
    pages = {"/": Answer(200, {"Content-Encoding": encoding}, bomb(encoding))}
    assert outcome(fetching(lambda site: site.url("/"), LOCAL, pages)) == "too-large"


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data)[2:-4]),
        ("br", lambda data: brotli.compress(data, quality=4)),
        ("zstd", zstandard.compress),
        ("identity", bytes),
    ],
)
def test_compressed_bodies_are_read(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    text = "".join(f"Новина {number}. " for number in range(50_000)).encode()
    whole, cut = compress(text), compress(text)[:-20]
    headers = {"Content-Encoding": encoding}
    fetched = fetching(lambda site: site.url("/"), LOCAL, {"/": Answer(200, headers, whole)})
    assert isinstance(fetched, Fetched) and fetched.body == text
    if encoding != "identity":
        assert (
            outcome(fetching(lambda site: site.url("/"), LOCAL, {"/": Answer(200, headers, cut)})) == "broken-response"
        )


def test_an_encoding_nobody_asked_for_is_named() -> None:
    result = fetching(lambda site: site.url("/"), LOCAL, {"/": Answer(200, {"Content-Encoding": "gzip, gzip"}, b"x")})
    assert isinstance(result, FetchError) and "'gzip, gzip'" in result.explanation


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield bytes(65536)


async def slow() -> AsyncIterator[bytes]:
    while True:
        yield b"."
        await asyncio.sleep(0.1)


def test_an_endless_body_ends_at_the_limit_and_a_slow_one_at_the_deadline() -> None:
    pages = {"/endless": Answer(stream=endless), "/slow": Answer(stream=slow)}
    assert outcome(fetching(lambda site: site.url("/endless"), LOCAL, pages)) == "too-large"
    quick = LOCAL.model_copy(update={"fetch_seconds": 0.5})
    assert outcome(fetching(lambda site: site.url("/slow"), quick, pages)) == "timeout"


def test_headers_are_bounded() -> None:
    for size, expected in ((40_000, "200"), (80_000, "too-large"), (200_000, "broken-response")):
        pages = {"/": Answer(200, {"X-Long": "a" * size})}
        assert outcome(fetching(lambda site: site.url("/"), LOCAL, pages)) == expected


def test_redirects_are_followed_so_far_and_no_farther() -> None:
    pages = {f"/{number}": Answer(302, {"Location": f"/{number + 1}"}) for number in range(10)}
    pages |= {"/10": Answer(body=b"here"), "/loop": Answer(302, {"Location": "/loop"})}
    assert outcome(fetching(lambda site: site.url("/5"), LOCAL, pages)) == "200"
    assert outcome(fetching(lambda site: site.url("/4"), LOCAL, pages)) == "too-many-redirects"
    assert outcome(fetching(lambda site: site.url("/loop"), LOCAL, pages)) == "too-many-redirects"


@pytest.mark.parametrize(("first", "second", "is_permanent"), [(301, 308, True), (301, 302, False), (307, 301, False)])
def test_a_new_address_is_named_when_all_of_the_way_to_it_is_permanent(
    first: int, second: int, is_permanent: bool
) -> None:
    pages = {"/a": Answer(first, {"Location": "/b"}), "/b": Answer(second, {"Location": "/c"}), "/c": Answer()}
    fetched = fetching(lambda site: site.url("/a"), LOCAL, pages)
    assert isinstance(fetched, Fetched) and fetched.url.endswith("/c")
    assert (fetched.permanent_url is not None) == is_permanent


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (204, "http-other"),
        (403, "http-4xx"),
        (404, "not-found"),
        (410, "gone"),
        (429, "rate-limited"),
        (503, "http-5xx"),
    ],
)
def test_what_a_server_refuses_has_a_name(status: int, expected: str) -> None:
    result = fetching(lambda site: site.url("/"), LOCAL, {"/": Answer(status, {"Retry-After": "120"})})
    assert isinstance(result, FetchError)
    assert (result.outcome, result.retry_after) == (expected, 120)


def test_retry_after_may_be_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    assert 3590 < (retry_after(httpx.Headers({"Retry-After": later})) or 0) <= 3600
    assert retry_after(httpx.Headers({"Retry-After": "soon"})) is None


@pytest.mark.parametrize("value", ["²", "12³", ""])
def test_a_retry_after_that_is_no_number_is_none(value: str) -> None:
    result = fetching(lambda site: site.url("/"), LOCAL, {"/": Answer(429, {"Retry-After": value})})
    assert isinstance(result, FetchError)
    assert (result.outcome, result.retry_after) == ("rate-limited", None)


def test_nobody_at_the_port_and_no_tls_have_names() -> None:
    async def run() -> tuple[str, str]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"this is no TLS")
            writer.close()

        async with Fetcher(LOCAL) as fetcher:
            server = await asyncio.start_server(answer, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(FetchError) as no_tls:
                await fetcher.fetch(f"https://127.0.0.1:{port}/")
            server.close()
            await server.wait_closed()
            with pytest.raises(FetchError) as nobody:
                await fetcher.fetch(f"http://127.0.0.1:{port}/")
        return no_tls.value.outcome, nobody.value.outcome

    assert asyncio.run(run()) == ("tls", "connect")


def test_validators_are_sent_to_the_url_they_came_from_only() -> None:
    async def run() -> None:
        async with Site() as site, Fetcher(LOCAL) as fetcher:
            site.pages["/old"] = Answer(302, {"Location": "/new"})
            site.pages["/new"] = lambda request: Answer(304 if request.headers.get("if-none-match") == '"1"' else 200)
            validators = Validators(site.url("/new"), '"1"', None)
            fetched = await fetcher.fetch(site.url("/old"), validators=validators)
            assert fetched.is_unchanged
            assert ["if-none-match" in request.headers for request in site.requests] == [False, True]

    asyncio.run(run())


def test_nothing_of_one_request_is_carried_into_another_and_the_sender_is_named() -> None:
    async def run() -> None:
        settings = LOCAL.model_copy(update={"fetch_contact": "https://efir.example.org/bot"})
        async with Site() as site, Fetcher(settings) as fetcher:
            site.pages["/"] = Answer(200, {"Set-Cookie": "id=1; Path=/"})
            for _ in range(2):
                await fetcher.fetch(site.url("/"))
            assert all("cookie" not in request.headers for request in site.requests)
            agent = site.requests[0].headers["user-agent"]
            assert agent.startswith("Efir/") and agent.endswith("(+https://efir.example.org/bot)")

    asyncio.run(run())
