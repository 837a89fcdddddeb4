"""Inputs made on purpose: about 1 MB of what is dear to read, nested, unclosed, repeated, or packed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import zstandard

SIZE = 1_000_000


def _filled(unit: str, before: str = "", after: str = "", size: int = SIZE) -> bytes:
    data = unit.encode()
    return before.encode() + data * (size // len(data)) + after.encode()


def hostile(reader: str) -> Iterator[tuple[str, bytes]]:
    """Named inputs for one reader."""
    yield from _OF.get(reader, lambda: iter(()))()
    yield "one line of a letter", _filled("а", _BEFORE.get(reader, ""), _AFTER.get(reader, ""))
    yield "one line of words", _filled("слово ", _BEFORE.get(reader, ""), _AFTER.get(reader, ""))
    yield "many short sentences", _filled("Так. ", _BEFORE.get(reader, ""), _AFTER.get(reader, ""))
    yield "capitals and colons", _filled("АА БВ:", _BEFORE.get(reader, ""), _AFTER.get(reader, ""))
    yield "brackets that do not close", _filled("[(<{", _BEFORE.get(reader, ""), _AFTER.get(reader, ""))
    yield "references", _filled("&amp;", _BEFORE.get(reader, ""), _AFTER.get(reader, ""))
    yield "mojibake", _filled("Ð°â€", _BEFORE.get(reader, ""), _AFTER.get(reader, ""))
    yield "marks on one letter", _filled("\u0301\u0327", _BEFORE.get(reader, "") + "а", _AFTER.get(reader, ""))
    yield "spaces", _filled(" ", _BEFORE.get(reader, ""), _AFTER.get(reader, ""))
    yield "line ends", _filled("\n", _BEFORE.get(reader, ""), _AFTER.get(reader, ""))
    yield "a gzip bomb", gzip.compress(_filled("а", _BEFORE.get(reader, ""), size=100 * SIZE), 9)
    yield "a Zstandard bomb", zstandard.compress(_filled("а", _BEFORE.get(reader, ""), size=100 * SIZE))
    yield "empty gzip members", gzip.compress(b"") * (SIZE // len(gzip.compress(b"")))
    yield "random bytes", bytes((number * number * 31 + number // 7) % 256 for number in range(SIZE))


_TT = '<tt xmlns="http://www.w3.org/ns/ttml"><body><div>'
_U = '<TEI xmlns="http://www.tei-c.org/ns/1.0"><text><body><u who="#a"><seg>'
# What stands before and after the words in each format.
_BEFORE = {
    "json": '{"text": "', "whisper": '{"segments": [{"start": 0, "end": 1, "text": "', "srt": "0:00:00,0 --> 0:00:01,0\n",
    "webvtt": "WEBVTT\n\n00:00.000 --> 00:01.000\n", "ttml": _TT + '<p begin="1s">', "tei": _U,
    "html": "<!doctype html><html><body><article><p>", "ninjs": '{"uri": "urn:1", "bodies": [{"value": "<p>',
    "jsonl": '{"text": "', "feed": "<rss><channel><item><title>x</title><description>",
    "warc": "WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 999999\r\n\r\nHTTP/1.1 200 OK\r\n",
}  # fmt: skip
_AFTER = {
    "json": '"}', "whisper": '"}]}', "ttml": "</p></div></body></tt>", "tei": "</seg></u></body></text></TEI>",
    "ninjs": '</p>"}]}', "jsonl": '"}\n', "feed": "</description></item></channel></rss>",
}  # fmt: skip


def _subtitles() -> Iterator[tuple[str, bytes]]:
    yield "as many cues as fit", _filled("0:00:00,0 --> 0:00:00,0\nа\n")
    yield "cues that roll", _filled("0:00:00,0 --> 0:00:00,0\nа\nа\n\n")
    yield (
        "cues that grow",
        b"".join(b"0:00:%02d,0 --> 0:00:59,0\n%s\n\n" % (number % 60, b"a " * number) for number in range(900)),
    )
    yield "times and no more", _filled("0:00:00,0 --> 0:00:00,0\n")
    yield "voices", _filled("<v Олена>а", "WEBVTT\n\n00:00.000 --> 00:01.000\n")
    yield "voices that do not close", _filled("<v ", "WEBVTT\n\n00:00.000 --> 00:01.000\n")
    yield "digits", _filled("1", "1\n0:00:00,0 --> 0:00:00,0\n")


def _xml() -> Iterator[tuple[str, bytes]]:
    yield "deep nesting", _filled("<div>", _TT)
    yield "nesting up to where the parser stops", (_TT + "<div>" * 200 + "x" + "</div>" * 200).encode()
    yield "small elements", _filled("<p/>", _TT, "</div></body></tt>")
    yield "small cues", _filled('<p begin="1s">а</p>', _TT, "</div></body></tt>")
    yield "utterances", _filled("<u><seg>а</seg></u>", _U, "</seg></u></body></text></TEI>")
    yield "words", _filled("<w>а</w>", _U, "</seg></u></body></text></TEI>")
    yield "nested utterances", (_U + "<u><seg>а" * 100 + "</seg></u>" * 100 + "</seg></u></body></text></TEI>").encode()
    yield "attributes", _filled(" a='b'", "<tt", "/>")
    yield "other attributes", ("<tt " + " ".join(f"a{number}='b'" for number in range(80_000)) + "/>").encode()
    yield "namespaces", ("<tt " + " ".join(f"xmlns:a{number}='b'" for number in range(40_000)) + "/>").encode()
    yield "comments before the root", _filled("<!-- -->", after="<tt/>")
    yield "declarations that do not end", _filled("<!DOCTYPE ", after="<tt/>")
    laughs = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    yield "a billion laughs", f'<!DOCTYPE tt [<!ENTITY a0 "ha">{laughs}]><tt>&a9;</tt>'.encode()
    yield "another file", b'<!DOCTYPE tt [<!ENTITY a SYSTEM "file:///etc/passwd">]><tt>&a;</tt>'


def _html() -> Iterator[tuple[str, bytes]]:
    page = "<!doctype html><html><body>"
    for tag in (
        "p",
        "div",
        "span",
        "a href=x",
        "td",
        "li",
        "table",
        "blockquote",
        "b",
        "script",
        "!--",
        "h1",
        "pre",
        "br",
    ):
        yield f"<{tag}> that does not close", _filled(f"<{tag}>", page)
        # As many as a page may have.
        yield f"<{tag}> with a word, at the limit", (page + f"<{tag}>слово" * 29_000).encode()
    yield "paragraphs in an article", (page + "<article>" + "<p>Слово і ще одне.</p>" * 14_000).encode()
    yield "nested lists at the limit", (page + "<ul><li>а" * 14_000).encode()
    yield "nested tables at the limit", (page + "<table><tr><td>а" * 9_900).encode()
    yield "attributes of one element", _filled(" a='b'", "<html><body><p", ">")
    yield "metas", (page + '<meta name="author" content="А">' * 20_000).encode()
    yield "dates", _filled("2026-01-02 ", page + "<p>")
    yield (
        "JSON-LD that does not close",
        _filled('{"@type":"NewsArticle",', page + '<script type="application/ld+json">'),
    )
    yield "quotes", _filled("\"'", page + "<p a=")
    yield "links", (page + '<p><a href="https://a.example/b">слово</a> слово</p>' * 7_000).encode()


def _json() -> Iterator[tuple[str, bytes]]:
    yield "deep lists", _filled("[", '{"text": "x", "a": ')
    yield "deep objects", _filled('{"a":', '{"text": "x", "a": ')
    yield "many keys", ("{" + ",".join(f'"k{number}":1' for number in range(80_000)) + "}").encode()
    yield "empty segments", _filled("{},", '{"text": "", "segments": [', "{}]}")
    yield "segments", _filled('{"start":0,"end":0},', '{"text": "x", "segments": [', '{"start":0,"end":0}]}')
    yield "heard segments", _filled('{"text":"а"},', '{"segments": [', '{"text":"а"}]}')
    words = _filled('{"word":"а"},', '{"segments": [{"text":"а","words":[', '{"word":"а"}]}]}')
    yield "heard words", words.replace(b'"text":"', b'"text":"' + "а".encode() * words.count(b'word":'))
    yield "bodies", _filled('{"value":"а"},', '{"uri": "u", "headlines": [], "bodies": [', "{}]}")
    yield "a long number", _filled("9", '{"text": "x", "segments": [{"start": ', "}]}")
    yield "escapes", _filled("\\u0430", '{"text": "', '"}')


def _lines() -> Iterator[tuple[str, bytes]]:
    yield "small lines", _filled('{"text":"а"}\n')
    yield "wrong lines", _filled("{\n", '{"text":"а"}\n{"text":"а"}\n')
    yield "a line that does not end", json.dumps({"text": "а"}).encode() + b"\n{" + b" " * SIZE


def _warc() -> Iterator[tuple[str, bytes]]:
    yield "a header that does not end", _filled("a", "WARC/1.0\r\n")
    yield "many headers", _filled("a: b\r\n", "WARC/1.0\r\n")
    yield "empty records", _filled("WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 0\r\n\r\n\r\n\r\n")
    record = "WARC/1.0\r\nWARC-Type: resource\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nа\r\n\r\n"
    yield "small records", _filled(record)
    yield (
        "a length that is a lie",
        _filled("а", "WARC/1.0\r\nWARC-Type: resource\r\nContent-Length: 99999999999\r\n\r\n"),
    )
    yield "a length that is negative", _filled("а", "WARC/1.0\r\nWARC-Type: resource\r\nContent-Length: -5\r\n\r\n")


_OF = {
    "srt": _subtitles, "webvtt": _subtitles, "ttml": _xml, "tei": _xml, "feed": _xml, "html": _html, "json": _json,
    "whisper": _json, "ninjs": _json, "jsonl": _lines, "warc": _warc,
}  # fmt: skip
