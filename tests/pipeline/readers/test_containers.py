"""Many documents in one file: each is named, a wrong one does not stop the others, and nothing is held whole."""

import gzip
import io
import json
import tracemalloc
from collections.abc import Iterator

import brotli
import pytest
import zstandard
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from pipeline import readers
from pipeline.readers import Hint, Limits, Rejected
from tests.pipeline.readers.reading import items, reason
from tests.pipeline.readers.test_html import FIRST, page

LINES = [
    json.dumps({"text": "Перший."}),
    "",
    json.dumps({"uri": "urn:1", "headlines": [{"value": "Другий"}], "bodies": [{"value": "Новина."}]}),
    "{broken",
    json.dumps({"text": "П'ятий.", "title": "Є"}),
]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_a_bad_line_is_named_and_the_others_are_read(pack: type[bytes]) -> None:
    found = items(pack("\n".join(LINES).encode()), "feed.jsonl")
    assert [item.name for item in found] == [":1", ":3", ":4", ":5"]
    assert [getattr(item.found, "format", "rejected") for item in found] == ["json", "ninjs", "rejected", "json"]
    assert str(found[2].found).startswith("unreadable: line 4: not valid JSON")
    assert [item.transcript().title for item in found if item.name != ":4"] == ["feed:1", "Другий", "Є"]


def test_a_line_that_is_too_long_is_passed_over() -> None:
    long = json.dumps({"text": "а" * 5_000})
    found = items("\n".join([long, LINES[0]]), "a.jsonl", Limits(document_bytes=1_000))
    assert [(item.name, getattr(item.found, "reason", "")) for item in found] == [(":1", "too-large"), (":2", "")]


def test_a_container_without_documents_is_said_to_be_empty() -> None:
    assert reason("\n\n", "a.jsonl") == "empty"
    assert reason(warc(record("image/png", b"\x89PNG"))) == "empty"


class _Endless(io.RawIOBase):
    """A hundred megabytes of lines that nobody has to hold."""

    def __init__(self) -> None:
        self._line = (json.dumps({"text": "слово " * 2_000}) + "\n").encode()
        self._rest = b""
        self._left = 100_000_000 // len(self._line)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._rest and self._left:
            self._rest, self._left = self._line, self._left - 1
        part, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


def test_lines_are_streamed() -> None:
    stream = io.BufferedReader(_Endless(), 65_536)
    tracemalloc.start()
    count = sum(not isinstance(found, Rejected) for found in readers.read(stream, Hint("a.jsonl"), Limits()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count > 1_500
    assert peak < 5_000_000


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_bomb_is_found_before_it_is_unpacked(pack: type[bytes]) -> None:
    bomb = pack(b'{"text": "' + b"a" * 50_000_000)
    for name in ("a.jsonl", "a.json", "a.txt", "a.html", "a.srt"):
        (item,) = items(bomb, name)
        assert isinstance(item.found, Rejected)
        assert item.found.reason in {"decompression-bomb", "too-large"}
    lines = pack((json.dumps({"text": "слово " * 500}) + "\n").encode() * 4_000)
    *some, last = items(lines, "a.jsonl")
    assert len(some) > 100
    assert isinstance(last.found, Rejected)
    assert last.found.reason == "decompression-bomb"


def test_all_of_a_container_is_bounded() -> None:
    found = items((LINES[0] + "\n") * 1_000, "a.jsonl", Limits(container_bytes=10_000))
    assert len(found) < 1_000
    assert isinstance(found[-1].found, Rejected)
    assert found[-1].found.reason == "too-large"


def record(
    media_type: str, body: bytes, status: str = "200 OK", url: str = "https://visnyk.example/a", **more: str
) -> tuple[str, bytes, StatusAndHeaders]:
    headers = [("Content-Type", media_type), *((key.replace("_", "-"), value) for key, value in more.items())]
    return url, body, StatusAndHeaders(status, headers, protocol="HTTP/1.1")


def warc(*records: tuple[str, bytes, StatusAndHeaders], is_compressed: bool = False) -> bytes:
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=is_compressed)
    writer.write_record(writer.create_warcinfo_record("a.warc", {"software": "tests"}))
    for url, body, headers in records:
        written = writer.create_warc_record(
            url,
            "response",
            payload=io.BytesIO(body),
            http_headers=headers,
            warc_headers_dict={"WARC-Date": "2026-01-03T00:00:00Z"},
        )
        writer.write_record(written)
    return out.getvalue()


@pytest.mark.parametrize("is_compressed", [False, True])
def test_a_web_archive_gives_its_pages(is_compressed: bool) -> None:
    html = page(canonical="")
    archive = warc(
        record("text/html; charset=utf-8", html.encode()),
        record("image/png", b"\x89PNG\x00"),
        record("text/css", b"p {}"),
        record("text/html", b"<html>moved</html>", "301 Moved"),
        record("text/plain", b"Disallow: /", url="https://visnyk.example/robots.txt"),
        record("application/json", LINES[0].encode()),
        record("text/html", gzip.compress(html.encode()), Content_Encoding="gzip"),
        record("text/html", brotli.compress(html.encode()), Content_Encoding="br"),
        record(
            "text/html", b"%x\r\n%s\r\n0\r\n\r\n" % (len(html.encode()), html.encode()), Transfer_Encoding="chunked"
        ),
        record("text/plain", b"\xff\x00"),
        record("text/html", b"not gzip", Content_Encoding="gzip"),
        is_compressed=is_compressed,
    )
    found = items(archive, "pages.warc")
    assert [item.name for item in found] == ["#2", "#7", "#8", "#9", "#10", "#11", "#12"]
    pages = [found[index].transcript() for index in (0, 2, 3, 4)]
    assert all(FIRST in each.text and each.url == "https://visnyk.example/a" for each in pages)
    assert found[1].transcript().text == "Перший."
    assert str(found[1].transcript().published) == "2026-01-03 00:00:00+00:00"
    assert [getattr(item.found, "reason", "") for item in found[5:]] == ["binary", "unreadable"]
    assert "record 11" in str(found[5].found)


def test_a_broken_archive_gives_what_comes_before_the_break() -> None:
    good = warc(record("application/json", LINES[0].encode()))
    for tail in (
        b"WARC/1.0\r\n" + b"a" * 3_000_000,
        b"nonsense\r\n\r\n",
        b"WARC/1.0\r\nContent-Length: x\r\n\r\n\r\n\r\nx",
    ):
        first, last = items(good + tail)
        assert first.transcript().text == "Перший."
        assert isinstance(last.found, Rejected)
        assert last.found.reason == "unreadable"


def test_a_record_may_unpack_to_no_more_than_a_document() -> None:
    bomb = brotli.compress(b"a" * 50_000_000)
    (item,) = items(warc(record("text/html", bomb, Content_Encoding="br")))
    assert isinstance(item.found, Rejected)
    assert item.found.reason == "too-large"


def test_a_failing_stream_is_the_callers_to_treat() -> None:
    class _Failing(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise OSError("gone")

    def read() -> Iterator[object]:
        return readers.read(_Failing(), Hint(), Limits())  # type: ignore[arg-type]

    with pytest.raises(OSError, match="gone"):
        list(read())
