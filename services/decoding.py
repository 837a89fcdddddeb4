"""Undoing a body's Content-Encoding within limits that hold while it is undone: a bomb is let go before it goes off.

gzip and deflate through zlib, br through brotli; each is asked for at most so many bytes at a time. zstd's interface
has no such question, so it is fed so little at a time that what comes out is bounded.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import brotli
import zstandard

# What is asked for in Accept-Encoding.
ENCODINGS = "gzip, br, zstd, deflate"
_PIECE = 256 * 1024
# A zstd block of four bytes may say "128 KB of the same", so this much input is at most 2 MB of output.
_ZSTD_INPUT = 64
# What RFC 8878 asks every decoder to support, and more than a feed needs.
_ZSTD_WINDOW = 8 * 1024 * 1024
# A small body may have any ratio: it is nearly all header, or one sentence over and over.
_RATIO_FROM = 1_000_000


class Undecodable(Exception):
    """The body is not what its Content-Encoding says, or that is none that was asked for."""


class TooLarge(Exception):
    """Over a limit of size or of ratio."""


class BodyLimits(NamedTuple):
    """Bytes as sent, bytes after decoding, and how many of the latter for one of the former."""

    sent: int
    decoded: int
    ratio: int


class Body:
    """A body that is being received: `feed` it what arrives, then take it whole with `finish`."""

    def __init__(self, encoding: str | None, limits: BodyLimits) -> None:
        """`encoding` is the Content-Encoding header. Raises Undecodable for one that was not asked for."""
        name = (encoding or "identity").strip().lower()
        if name not in _DECODERS:
            raise Undecodable(f"its content encoding is {name[:60]!r}; {ENCODINGS} were asked for")
        self._name = name
        self._decoder = _DECODERS[name]()
        self._limits = limits
        self._sent = 0
        self._decoded = bytearray()

    def feed(self, data: bytes) -> None:
        """Raises TooLarge, Undecodable."""
        self._sent += len(data)
        if self._sent > self._limits.sent:
            raise TooLarge(f"more than {self._limits.sent:,} bytes")
        try:
            for piece in self._decoder.decode(data):
                self._decoded += piece
                self._check()
        except (zlib.error, brotli.error, zstandard.ZstdError) as error:
            raise Undecodable(f"its body is not {self._name}: {error}") from error

    def finish(self) -> bytes:
        """The decoded body. Raises Undecodable when its end is missing."""
        if self._sent and not self._decoder.is_finished:
            raise Undecodable(f"its {self._name} body ends too early")
        return bytes(self._decoded)

    def _check(self) -> None:
        size = len(self._decoded)
        if size > self._limits.decoded:
            raise TooLarge(f"more than {self._limits.decoded:,} bytes when decompressed")
        if size > _RATIO_FROM and size > self._sent * self._limits.ratio:
            raise TooLarge(f"more than {self._limits.ratio} bytes for each that was sent: a decompression bomb")


class _Identity:
    is_finished = True

    def decode(self, data: bytes) -> Iterator[bytes]:
        yield data


class _Zlib:
    """`window`: zlib's wbits. What follows the end is another member (RFC 1952), or padding, which is left alone."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._object = zlib.decompressobj(window)
        self.is_finished = False

    def decode(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._object.eof:
                if self._window != _GZIP or not data.startswith(b"\x1f\x8b"):
                    return
                self._object, self.is_finished = zlib.decompressobj(self._window), False
            # A full piece may leave more inside zlib even when all input is consumed.
            while len(piece := self._object.decompress(data, _PIECE)) == _PIECE and not self._object.eof:
                yield piece
                data = self._object.unconsumed_tail
            yield piece
            data = self._object.unused_data if self._object.eof else self._object.unconsumed_tail
        self.is_finished = self._object.eof


class _Deflate:
    """RFC 9110 means zlib's format; some servers send bare deflate."""

    def __init__(self) -> None:
        self._inner: _Zlib | None = None

    @property
    def is_finished(self) -> bool:
        return self._inner is not None and self._inner.is_finished

    def decode(self, data: bytes) -> Iterator[bytes]:
        if self._inner is None and data:
            self._inner = _Zlib(zlib.MAX_WBITS if data[0] & 0x0F == zlib.DEFLATED else -zlib.MAX_WBITS)
        if self._inner is not None:
            yield from self._inner.decode(data)


class _Brotli:
    def __init__(self) -> None:
        self._object = brotli.Decompressor()

    @property
    def is_finished(self) -> bool:
        return bool(self._object.is_finished())

    def decode(self, data: bytes) -> Iterator[bytes]:
        while not self.is_finished:
            piece = self._object.process(data, output_buffer_limit=_PIECE)
            yield piece
            data = b""
            if not piece and self._object.can_accept_more_data():
                return


class _Zstd:
    def __init__(self) -> None:
        self._object = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()

    @property
    def is_finished(self) -> bool:
        return bool(self._object.eof)

    def decode(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _ZSTD_INPUT):
            if self._object.eof:
                return
            yield self._object.decompress(data[start : start + _ZSTD_INPUT])


_GZIP = 16 + zlib.MAX_WBITS
_DECODERS: dict[str, Callable[[], _Identity | _Zlib | _Deflate | _Brotli | _Zstd]] = {
    "identity": _Identity,
    "": _Identity,
    "gzip": lambda: _Zlib(_GZIP),
    "x-gzip": lambda: _Zlib(_GZIP),
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}
