"""Fetching what a stranger's URL names, so that a stranger cannot make Efir fetch what is not theirs to see.

Only http and https, only ports that speak them, no credentials, no cookies, no proxies of the environment. Every
address is checked before it is connected to, at every redirect (services/connecting.py). Size, ratio of decompression,
headers, redirects and the time over all of it are bounded. What goes wrong has one of a few names (`Outcome`).
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from types import TracebackType
from typing import Literal, NamedTuple, TypeGuard

import httpcore
import httpx

from services.addresses import Allowed
from services.connecting import CheckedBackend, NoAddress, RefusedAddress, Resolve, resolve
from services.decoding import ENCODINGS, Body, BodyLimits, TooLarge, Undecodable
from services.settings import Settings

Outcome = Literal[
    "bad-url",  # no http(s) URL, one with credentials, or a port that is not for the web
    "refused-address",  # it is, or resolves to, an address that is not on the public internet
    "dns",  # the name does not resolve
    "connect",  # nobody answers at the address
    "tls",  # the certificate is not good, or there is no common protocol
    "timeout",  # it took longer than EFIR_FETCH_SECONDS in all, or than a part of it may
    "too-large",  # over a limit of size, of headers, or of the ratio of decompression
    "too-many-redirects",
    "broken-response",  # not HTTP, ended too early, or not in the encoding it says
    "gone",  # 410
    "not-found",  # 404
    "rate-limited",  # 429
    "http-4xx",
    "http-5xx",
    "http-other",
]

# Redirects of which every one must be permanent for the new address to be remembered.
_PERMANENT = {301, 308}
_REDIRECTS = {301, 302, 303, 307, 308}
_HIGH_PORTS = range(1024, 65536)
_PORTS = {80, 443}
# Ports above 1023 at which other protocols listen, as browsers refuse them: https://fetch.spec.whatwg.org/#port-blocking
_BAD_PORTS = {1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, *range(6665, 6670), 6679, 6697, 10080}
_HOST = re.compile(rb"[A-Za-z0-9._:-]+")
_URL_LENGTH = 4096
_VALIDATOR_LENGTH = 1000
# httpcore stops at 100 KB of headers in HTTP/1.1 by itself; nobody honest needs a tenth of it.
_HEADER_BYTES = 64_000
_KEEPALIVE_SECONDS = 5.0
# Feeds lie on as many hosts, so hardly a connection is of use twice. And httpcore looks at each for every request: with
# 64 of them that was half of the time of a fetch.
_MOST_IDLE = 8


class FetchError(Exception):
    """It was not fetched. `outcome` can be counted; `retry_after` is what the server asked for, in seconds."""

    def __init__(
        self, outcome: Outcome, explanation: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(f"{outcome}: {explanation}")
        self.outcome = outcome
        self.explanation = explanation
        self.status = status
        self.retry_after = retry_after


class Fetched(NamedTuple):
    """What came: a 200 with its body, or a 304 without.

    `url` is where it came from after redirects. `permanent_url` is where it lives now, when every redirect was a
    permanent one and none led from https to http; else None.
    """

    url: str
    status: int
    headers: httpx.Headers
    body: bytes
    permanent_url: str | None
    seconds: float

    @property
    def is_unchanged(self) -> bool:
        return self.status == 304

    @property
    def media_type(self) -> str | None:
        value: str | None = self.headers.get("content-type")
        return value


class Validators(NamedTuple):
    """What makes a GET conditional. They are the server's words about `url` and are said to that URL only."""

    url: str
    etag: str | None
    last_modified: str | None


class Fetcher:
    """Use as an async context manager; one for a process."""

    def __init__(self, settings: Settings, resolver: Resolve = resolve) -> None:
        self._settings = settings
        # Of our own context, so that SSLKEYLOGFILE and the like of the environment are left alone.
        context = httpx.create_ssl_context(trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=settings.feed_polls * 2,
            max_keepalive_connections=_MOST_IDLE,
            keepalive_expiry=_KEEPALIVE_SECONDS,
            http1=True,
            http2=True,
            network_backend=CheckedBackend(Allowed(settings.fetch_allow.split(",")), resolver),
        )
        contact = f" (+{settings.fetch_contact})" if settings.fetch_contact else ""
        self.user_agent = f"Efir/{version('efir')}{contact}".encode("ascii", "replace").decode()

    async def __aenter__(self) -> Fetcher:
        await self._pool.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.__aexit__(kind, error, trace)

    async def fetch(
        self,
        url: str,
        *,
        accept: str = "*/*",
        validators: Validators | None = None,
        most_bytes: int | None = None,
        on_redirect: Callable[[str], None] | None = None,
    ) -> Fetched:
        """GET `url` and follow its redirects. Raises FetchError.

        `most_bytes` bounds the body, sent and decoded, below EFIR_FETCH_BYTES. `on_redirect` is told each URL that a
        redirect leads to before anything is sent there; what it raises ends the fetch.
        """
        limit = min(most_bytes or self._settings.fetch_bytes, self._settings.fetch_bytes)
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._settings.fetch_seconds):
                at, permanent = checked_url(url), True
                for _ in range(self._settings.fetch_redirects + 1):
                    async with self._get(at, accept, validators) as response:
                        headers = httpx.Headers(response.headers)
                        _check_headers(response.headers)
                        if response.status in _REDIRECTS and "location" in headers:
                            after = _redirected(at, headers["location"])
                            is_downgrade = at.scheme == "https" and after.scheme == "http"
                            permanent = permanent and response.status in _PERMANENT and not is_downgrade
                            if on_redirect is not None:
                                on_redirect(str(after))
                            at = after
                            continue
                        _check_status(response.status, headers, at)
                        body = await self._read(response, headers, limit) if response.status != 304 else b""
                    moved = str(at) if permanent and str(at) != str(checked_url(url)) else None
                    return Fetched(str(at), response.status, headers, body, moved, time.monotonic() - started)
        except TimeoutError:
            raise FetchError("timeout", f"it took more than {self._settings.fetch_seconds:g} s") from None
        raise FetchError("too-many-redirects", f"more than {self._settings.fetch_redirects}, the last to {at}")

    @asynccontextmanager
    async def _get(
        self, url: httpx.URL, accept: str, validators: Validators | None
    ) -> AsyncIterator[httpcore.Response]:
        headers = [
            ("Host", url.netloc.decode("ascii")),
            ("User-Agent", self.user_agent),
            ("Accept", accept),
            ("Accept-Encoding", ENCODINGS),
        ]
        if validators is not None and validators.url == str(url):
            if _is_sendable(validators.etag):
                headers.append(("If-None-Match", validators.etag))
            if _is_sendable(validators.last_modified):
                headers.append(("If-Modified-Since", validators.last_modified))
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        connect, total = self._settings.fetch_connect_seconds, self._settings.fetch_seconds
        waits = {"connect": connect, "read": total, "write": total, "pool": total}
        with _named_errors(url):
            async with self._pool.stream("GET", target, headers=headers, extensions={"timeout": waits}) as response:
                yield response

    async def _read(self, response: httpcore.Response, headers: httpx.Headers, limit: int) -> bytes:
        length = headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length) > limit:
            raise FetchError("too-large", f"more than {limit:,} bytes")
        try:
            body = Body(headers.get("content-encoding"), BodyLimits(limit, limit, self._settings.fetch_ratio))
            async for piece in response.aiter_stream():
                body.feed(piece)
            return body.finish()
        except TooLarge as error:
            raise FetchError("too-large", str(error)) from error
        except Undecodable as error:
            raise FetchError("broken-response", str(error)) from error


def checked_url(url: str) -> httpx.URL:
    """The URL without its fragment, when it is one that may be fetched. Raises FetchError."""
    if len(url) > _URL_LENGTH:
        raise FetchError("bad-url", f"longer than {_URL_LENGTH:,} characters")
    try:
        found = httpx.URL(url.strip()).copy_with(fragment=None)
    except (httpx.InvalidURL, ValueError) as error:
        raise FetchError("bad-url", f"{url[:200]!r}: {error}") from error
    if found.scheme not in {"http", "https"} or not _HOST.fullmatch(found.raw_host):
        raise FetchError("bad-url", f"{url[:200]!r} is no http or https URL")
    if found.userinfo:
        raise FetchError("bad-url", f"a URL with a user name or password in it is not fetched: {found.host}")
    port = found.port
    if port is not None and port not in _PORTS and (port not in _HIGH_PORTS or port in _BAD_PORTS):
        raise FetchError("bad-url", f"port {port} is not one that web servers listen at")
    return found if found.path else found.copy_with(path="/")


def _is_sendable(value: str | None) -> TypeGuard[str]:
    """What a server once sent as a header may be nothing that can be sent back as one."""
    return value is not None and 0 < len(value) < _VALIDATOR_LENGTH and value.isascii() and value.isprintable()


def retry_after(headers: httpx.Headers) -> float | None:
    """Seconds from now, from either form of Retry-After (RFC 9110, 10.2.3); None without one that can be read."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():  # "²" is a digit, too, and no number
        return float(value[:9])
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _redirected(at: httpx.URL, location: str) -> httpx.URL:
    try:
        return checked_url(str(at.join(location.strip())))
    except (httpx.InvalidURL, ValueError) as error:
        raise FetchError("bad-url", f"redirected to {location[:200]!r}: {error}") from error


def _check_headers(headers: list[tuple[bytes, bytes]]) -> None:
    if sum(len(name) + len(value) for name, value in headers) > _HEADER_BYTES:
        raise FetchError("too-large", f"more than {_HEADER_BYTES:,} bytes of headers")


def _check_status(status: int, headers: httpx.Headers, at: httpx.URL) -> None:
    if status in {200, 203, 304}:
        return
    named: dict[int, Outcome] = {404: "not-found", 410: "gone", 429: "rate-limited"}
    families: dict[int, Outcome] = {4: "http-4xx", 5: "http-5xx"}
    outcome = named.get(status) or families.get(status // 100, "http-other")
    raise FetchError(outcome, f"{at} answered {status}", status=status, retry_after=retry_after(headers))


@contextmanager
def _named_errors(url: httpx.URL) -> Iterator[None]:
    """Give what httpcore and the backend raise the name of an outcome."""
    try:
        yield
    except RefusedAddress as error:
        raise _fetch_error("refused-address", url, error) from error
    except NoAddress as error:
        raise _fetch_error("dns", url, error) from error
    except httpcore.TimeoutException as error:
        raise _fetch_error("timeout", url, error) from error
    except httpcore.ConnectError as error:
        raise _fetch_error("tls" if _is_tls(error) else "connect", url, error) from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise _fetch_error("broken-response", url, error) from error


def _fetch_error(outcome: Outcome, url: httpx.URL, error: Exception) -> FetchError:
    return FetchError(outcome, f"{url.host}: {str(error) or type(error).__name__}")


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
