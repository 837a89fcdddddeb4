"""Decompression as a stream, within bounds: what a hostile file unpacks to is never held, and stops early.

gzip (RFC 1952, several members after one another, as WARC files have) and Zstandard (RFC 8878).
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from typing import Protocol

import brotli
import zstandard

from pipeline.readers.hint import Limits
from pipeline.readers.rejected import Rejected

MAGIC = {b"\x1f\x8b\x08": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
SUFFIXES = {".gz": "gzip", ".zst": "zstd"}
_BLOCK = 65_536
# RFC 8878 asks every decoder for 8 MB; what needs more could take 2 GB of memory for a few bytes.
_ZSTD_WINDOW = 8 * 1024 * 1024
# Four bytes may stand for a block of 128 KB, so this much unpacks to at most 32 MB.
_ZSTD_STEP = 1024
# A small file may be all repetition; the ratio is asked for above this.
RATIO_FREE = 4_000_000


def kind_of(head: bytes) -> str | None:
    """`gzip` or `zstd` by the first bytes."""
    return next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), None)


def open_compressed(stream: Readable, kind: str, limits: Limits) -> io.BufferedReader:
    """A stream of the decompressed bytes. Reading raises Rejected on broken data and over the limits."""
    source = _Gzip(stream) if kind == "gzip" else _Zstd(stream)
    return io.BufferedReader(Bounded(source.read, lambda: source.consumed, limits), _BLOCK)


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Bounded(io.RawIOBase):
    """A stream that ends in Rejected when it gives more than `container_bytes`, or `ratio` times what it took."""

    def __init__(self, read: Callable[[int], bytes], consumed: Callable[[], int] | None, limits: Limits) -> None:
        self._read = read
        self._consumed = consumed
        self._limits = limits
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._read(len(buffer))
        self._given += len(data)
        if self._given > self._limits.container_bytes:
            raise Rejected("too-large", f"it holds more than {self._limits.container_bytes:,} bytes")
        if (
            self._consumed is not None
            and self._given > RATIO_FREE
            and self._given > self._limits.ratio * self._consumed()
        ):
            raise Rejected(
                "decompression-bomb", f"it unpacks to more than {self._limits.ratio} times its size, as no text does"
            )
        buffer[: len(data)] = data
        return len(data)


class _Gzip:
    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._inflate = zlib.decompressobj(31)
        self._waiting = b""
        self.consumed = 0
        self._is_begun = False

    def read(self, size: int) -> bytes:
        try:
            return self._some(size)
        except zlib.error as error:
            raise Rejected("unreadable", f"broken gzip: {error}") from error

    def _some(self, size: int) -> bytes:
        while True:
            if not self._waiting:
                self._waiting = self._stream.read(_BLOCK)
                self.consumed += len(self._waiting)
                if not self._waiting:
                    if self._is_begun and not self._inflate.eof:
                        raise Rejected("unreadable", "broken gzip: it ends in the middle")
                    return b""
            if self._inflate.eof:  # another member, or zeros after the last one
                self._waiting = self._waiting.lstrip(b"\x00")
                if not self._waiting:
                    continue
                self._inflate = zlib.decompressobj(31)
            self._is_begun = True
            data = self._inflate.decompress(self._waiting, size)
            self._waiting = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            if data:
                return data


class _Zstd:
    """Fed in small steps, because the library says of no output how large it may be, and of its reader not whether
    the data ended in the middle."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._library = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._frame = self._library.decompressobj()
        self._is_begun = False
        self._input = io.BytesIO()
        self._output = io.BytesIO()
        self.consumed = 0

    def read(self, size: int) -> bytes:
        while not (data := self._output.read(size)):
            step = self._input.read(_ZSTD_STEP) or self._refilled()
            if not step:
                if self._is_begun and not self._frame.eof:
                    raise Rejected("unreadable", "broken Zstandard: it ends in the middle")
                return b""
            self._output = io.BytesIO(self._decompressed(step))
        return data

    def _refilled(self) -> bytes:
        block = self._stream.read(_BLOCK)
        self.consumed += len(block)
        self._input = io.BytesIO(block)
        return self._input.read(_ZSTD_STEP)

    def _decompressed(self, step: bytes) -> bytes:
        parts: list[bytes] = []
        try:
            while step:
                if self._frame.eof:
                    self._frame = self._library.decompressobj()
                self._is_begun = True
                parts.append(self._frame.decompress(step))
                step = self._frame.unused_data if self._frame.eof else b""
        except zstandard.ZstdError as error:
            raise Rejected("unreadable", f"broken Zstandard: {error}") from error
        return b"".join(parts)


def unpack(data: bytes, encoding: str, most: int) -> bytes:
    """The body of an HTTP response in `encoding` (RFC 9110, 8.4.1), at most `most` bytes. Raises Rejected."""
    try:
        if encoding in {"gzip", "x-gzip"}:
            whole = _inflated(data, 31, most)
        elif encoding == "deflate":  # zlib's format by the standard, the bare one by many servers
            whole = _inflated(data, 15 if data[:1] == b"\x78" else -15, most)
        elif encoding == "br":
            whole = brotli.Decompressor().process(data, output_buffer_limit=most + 1)
        elif encoding == "zstd":
            reader = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).stream_reader(io.BytesIO(data))
            whole = reader.read(most + 1)
        else:
            raise Rejected("unreadable", f"its content encoding {encoding!r} is not known")
    except (zlib.error, brotli.error, zstandard.ZstdError) as error:
        raise Rejected("unreadable", f"broken {encoding}: {error}") from error
    if len(whole) > most:
        raise Rejected("too-large", f"it unpacks to more than {most:,} bytes")
    return whole


def _inflated(data: bytes, window: int, most: int) -> bytes:
    return zlib.decompressobj(window).decompress(data, most + 1)
