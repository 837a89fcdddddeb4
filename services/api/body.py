"""Request bodies, read piece by piece: not larger than allowed, not slower than allowed, gzip undone on the way.

gzip is the one encoding, because every client has it and zlib gives out what it unpacks in bounded pieces; a body in
another one is refused with 415, which names this one. Bounds are on what comes out, and on how many times more that is
than what came, so a bomb is let go while it is small.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO

from fastapi import Request

from pipeline.readers.compressed import RATIO_FREE
from services.api.problems import Problem
from services.settings import Settings

_PIECE = 64 * 1024
# A body up to this size stays in memory.
_IN_MEMORY = 1024 * 1024


@dataclass(frozen=True)
class Spooled:
    """A whole body. `digest` is its SHA-256, in hex."""

    file: IO[bytes]
    size: int
    digest: str


@contextmanager
def spool() -> Iterator[IO[bytes]]:
    """A file that lies in memory while it is small. It is closed, and gone, afterwards."""
    with SpooledTemporaryFile(_IN_MEMORY) as file:
        yield file


async def read_all(request: Request, settings: Settings, file: IO[bytes]) -> Spooled:
    """Read a body into `file`, and go back to its beginning. Raises Problem 408, 413, 415 or 400."""
    size, digest = 0, hashlib.sha256()
    async for piece in pieces(request, settings, settings.api_body_bytes):
        file.write(piece)
        digest.update(piece)
        size += len(piece)
    file.seek(0)
    return Spooled(file, size, digest.hexdigest())


async def pieces(request: Request, settings: Settings, most: int) -> AsyncIterator[bytes]:
    """The body of `request`, decompressed, of at most `most` bytes, in pieces of at most 64 KiB."""
    decoder = _decoder(request)
    _refuse_announced(request, most)
    received = size = 0
    async for raw in _timely(request, settings):
        received += len(raw)
        for piece in decoder.feed(raw):
            size += len(piece)
            if size > most:
                raise Problem(413, "too-large", f"the body is larger than {most:,} bytes, which is the most")
            if size > RATIO_FREE and size > settings.max_compression * received:
                detail = f"the body unpacks to more than {settings.max_compression} times its size, as no text does"
                raise Problem(413, "decompression-bomb", detail)
            yield piece
            await asyncio.sleep(0)  # 64 KiB of gzip may be a thousand pieces, and other requests wait
    decoder.finish()


async def _timely(request: Request, settings: Settings) -> AsyncIterator[bytes]:
    """The body as it comes. Only the time spent waiting for the sender counts, not what is done with the body."""
    stream = aiter(request.stream())
    waited, received = 0.0, 0
    while True:
        allowed = settings.api_body_seconds + received / settings.api_body_rate
        started = time.monotonic()
        try:
            async with asyncio.timeout(allowed - waited):
                part = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            detail = f"{received:,} bytes came in {waited + time.monotonic() - started:.0f} s, which is too slow"
            raise Problem(408, "too-slow", detail) from None
        waited += time.monotonic() - started
        received += len(part)
        for at in range(0, len(part), _PIECE):
            yield part[at : at + _PIECE]


def _refuse_announced(request: Request, most: int) -> None:
    """A sender that says how much it will send need not send it to hear that it is too much."""
    length = request.headers.get("content-length", "0")
    if length.isascii() and length.isdigit() and int(length) > most:
        raise Problem(413, "too-large", f"the body has {int(length):,} bytes, and {most:,} are the most")


class _Plain:
    def feed(self, data: bytes) -> Iterator[bytes]:
        if data:
            yield data

    def finish(self) -> None:
        """A body without an encoding ends where it ends."""


class _Gzip(_Plain):
    """One gzip member after the other (RFC 1952), each piece bounded whatever it expands to."""

    def __init__(self) -> None:
        self._zlib = _unzip()
        self._is_begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._zlib.eof:
                self._zlib = _unzip()
            self._is_begun = True
            try:
                piece = self._zlib.decompress(data, _PIECE)
            except zlib.error as error:
                raise Problem(
                    400, "bad-encoding", f"the body is not gzip, as its Content-Encoding says: {error}"
                ) from None
            data = self._zlib.unused_data if self._zlib.eof else self._zlib.unconsumed_tail
            if piece:
                yield piece

    def finish(self) -> None:
        if self._is_begun and not self._zlib.eof:
            raise Problem(400, "bad-encoding", "the gzip stream of the body ends before its end")


def _unzip() -> zlib._Decompress:
    return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)


def _decoder(request: Request) -> _Plain:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"identity", ""}:
        return _Plain()
    if encoding in {"gzip", "x-gzip"}:
        return _Gzip()
    # RFC 9110, 15.5.16: the answer says which encodings would have been taken.
    detail = f"a body with Content-Encoding {encoding} is not read here; gzip is, or none"
    raise Problem(415, "unsupported-encoding", detail, headers={"Accept-Encoding": "gzip, identity"})
