"""Large files from an address the operator trusts: in pieces that survive an interruption, bounded, by their digest.

Unlike services/fetching.py, which fetches what strangers name, this uses the proxies of the environment and any port.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential
from tenacity.wait import wait_base

T = TypeVar("T")
# Called with the bytes that are there and, when the server says it, how many there will be.
Tell = Callable[[int, int | None], None]

_TIMEOUT = httpx.Timeout(30.0)  # for one connect or one read, not for the whole file
_TRIES = 4
# Left free on the disk: a full one breaks what else is on it.
_SPARE_BYTES = 200_000_000
_REDIRECTS = 5


class DownloadError(Exception):
    """A file could not be had; the message says which, why, and what to do."""


class _Passing(Exception):
    """What may be over in a moment: a connection that broke, a server that is busy."""


def client() -> httpx.Client:
    """For models: redirects are followed, since hubs keep their files elsewhere."""
    return httpx.Client(timeout=_TIMEOUT, follow_redirects=True, max_redirects=_REDIRECTS)


class Downloader:
    """`pauses` lie between its tries; what is there already is not fetched again."""

    def __init__(
        self, client: httpx.Client, pauses: wait_base = wait_exponential(1, max=20), tries: int = _TRIES
    ) -> None:
        self._client = client
        self._retrying = Retrying(
            retry=retry_if_exception_type(_Passing), wait=pauses, stop=stop_after_attempt(tries), reraise=True
        )

    def read(self, url: str, most_bytes: int) -> bytes:
        """A small file, whole."""

        def once() -> bytes:
            with self._response(url, 0) as response:
                return b"".join(_bounded(response, 0, most_bytes, url))

        return self._patiently(once, url)

    def save(self, url: str, to: Path, md5: Collection[str], most_bytes: int, tell: Tell) -> None:
        """Fetch `url` into `to`, unless what is there has one of the digests. What was begun is gone on with."""
        if to.is_file() and md5_of(to) in md5:
            tell(to.stat().st_size, to.stat().st_size)
            return
        # Named by the digest, so that a file that was published anew is not put behind the beginning of the old one.
        part = to.with_name(f".{to.name}.{next(iter(md5))[:8]}.part")
        is_resumed = part.exists()
        try:
            self._patiently(lambda: self._go_on(url, part, most_bytes, tell), url)
            if md5_of(part) not in md5 and is_resumed:  # the beginning was damaged where it lay
                part.unlink()
                self._patiently(lambda: self._go_on(url, part, most_bytes, tell), url)
            found = md5_of(part)
            if found not in md5:
                part.unlink()
                raise DownloadError(
                    f"{url}: its MD5 is {found}, and the list of resources promises {' or '.join(md5)}. It was damaged "
                    f"or replaced on the way, and is thrown away. Try again later; on a mirror, see that it is current."
                )
            part.replace(to)
        except OSError as error:
            raise _of_disk(error, to) from error

    def _patiently(self, once: Callable[[], T], url: str) -> T:
        try:
            return self._retrying(once)
        except _Passing as error:
            raise DownloadError(
                f"{url}: {error}. Run the same command again: what was fetched is kept. For a machine that cannot "
                f"reach it at all, run it on one that can, and copy the folder it names (docs/models.md)."
            ) from error

    def _go_on(self, url: str, part: Path, most_bytes: int, tell: Tell) -> None:
        start = part.stat().st_size if part.exists() else 0
        with self._response(url, start) as response:
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                # All of it is there, or more than there is: its digest tells.
                return
            if response.status_code == httpx.codes.OK:
                start = 0  # the server does not do ranges
            length = response.headers.get("content-length", "")
            total = start + int(length) if length.isascii() and length.isdigit() else None
            if total is not None:
                _see_that_it_fits(url, part, start, total, most_bytes)
            with part.open("ab" if start else "wb") as file:
                size = start
                tell(size, total)
                for piece in _bounded(response, start, most_bytes, url):
                    file.write(piece)
                    size += len(piece)
                    tell(size, total)
            if total is not None and size < total:
                raise _Passing(f"it ended after {size:,} of {total:,} bytes")

    @contextmanager
    def _response(self, url: str, start: int) -> Iterator[httpx.Response]:
        """The answer from byte `start` on, when it can be used; its body is read inside."""
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        try:
            with self._client.stream("GET", url, headers=headers) as response:
                _see_that_it_is_used(response, url, start)
                yield response
        except httpx.UnsupportedProtocol as error:
            raise DownloadError(f"{url!r} is not an address of http or https") from error
        except httpx.TransportError as error:
            # A name that does not resolve may be a moment's trouble, too: the tries are few.
            raise _Passing(f"it cannot be reached ({str(error) or type(error).__name__})") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DownloadError(f"{url}: {str(error) or type(error).__name__}") from error


def md5_of(path: Path) -> str:
    """Against damage, as Stanza publishes it; what the bundle is verified by afterwards is SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _see_that_it_is_used(response: httpx.Response, url: str, start: int) -> None:
    status = response.status_code
    if url.startswith("https:") and response.url.scheme != "https":
        raise DownloadError(f"{url} leads to {response.url}, which anybody on the way could change")
    if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise _Passing(f"the server answers {status} {response.reason_phrase}")
    if status == httpx.codes.NOT_FOUND:
        raise DownloadError(f"{response.url}: there is no such file (404)")
    if start and status == httpx.codes.PARTIAL_CONTENT:
        if not response.headers.get("content-range", "").startswith(f"bytes {start}-"):
            raise DownloadError(f"{url}: the server sends another part than it was asked for")
    elif status != httpx.codes.OK and not (start and status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE):
        raise DownloadError(f"{response.url}: the server answers {status} {response.reason_phrase}")


def _bounded(response: httpx.Response, start: int, most_bytes: int, url: str) -> Iterator[bytes]:
    size = start
    for piece in response.iter_bytes():
        size += len(piece)
        if size > most_bytes:
            raise DownloadError(f"{url}: it is larger than {most_bytes:,} bytes, which no such file is")
        yield piece


def _see_that_it_fits(url: str, part: Path, start: int, total: int, most_bytes: int) -> None:
    if total > most_bytes:
        raise DownloadError(f"{url}: it has {total:,} bytes, and no such file has more than {most_bytes:,}")
    free = shutil.disk_usage(part.parent).free
    if free < total - start + _SPARE_BYTES:
        raise DownloadError(
            f"{part.parent} has {free / 1e6:,.0f} MB free, and {(total - start) / 1e6:,.0f} MB more are needed "
            f"besides {_SPARE_BYTES / 1e6:,.0f} MB to spare: make room, or set EFIR_OWN_BUNDLES"
        )


def _of_disk(error: OSError, to: Path) -> DownloadError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DownloadError(f"{to.parent}: the disk is full. Make room, and the same command goes on from there.")
    return DownloadError(f"{to.parent} cannot be written to ({error.strerror}): set EFIR_OWN_BUNDLES to one of yours")
