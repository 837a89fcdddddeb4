"""A small valid file of every format, what its grammar is made of, and the name it goes under."""

from __future__ import annotations

import io
import json
from importlib.util import find_spec
from typing import NamedTuple

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from pipeline.readers import FORMATS


class Sample(NamedTuple):
    name: str
    data: bytes
    tokens: tuple[bytes, ...]  # what is put in and taken out to break it where it matters


def _encoded(*tokens: str) -> tuple[bytes, ...]:
    return tuple(token.encode() for token in tokens)


_ANY = (
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\r\n",
    b"\n\n",
    b"\xd0",
    b"&#0;",
    b"&amp;",
    b" " * 50,
    b"-1",
    b"1e999",
)
_JSON = _encoded('"', "{", "}", "[", "]", ",", ":", "null", "1e400", "-0", '"\\ud800"', "\\u0000", '""', "true", "NaN")
_XML = _encoded(
    "<", ">", "/>", "</", "<!--", "-->", "<![CDATA[", "]]>", "<?", "?>", 'xml:lang="x"', "&", ";", '="', "xmlns:a='b'",
    "<!DOCTYPE a [", "<br/>", "<span>", "</p>", "<p>",
)  # fmt: skip
_TEXT = "Добрий вечір, ми з України. Так!"
_SRT = (
    f"1\n00:00:01,000 --> 00:00:02,000\n{_TEXT}\n\n2\n00:00:02,000 --> 00:00:03,500\n>> ОЛЕНА: <i>Вітаю</i> [сміх].\n"
)
_VTT = f"WEBVTT\nLanguage: uk\n\nNOTE ні\n\n00:01.000 --> 00:02.000\n<v Олена>{_TEXT}\n\n00:02.000 --> 00:04.000\nНі.\n"
_TTML = (
    '<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttm="http://www.w3.org/ns/ttml#metadata" xml:lang="uk"><head><metadata>'
    '<ttm:agent xml:id="a"><ttm:name>Олена</ttm:name></ttm:agent></metadata></head><body><div begin="1s">'
    f'<p begin="00:00:01:05" dur="2s" ttm:agent="a">{_TEXT}<br/><span begin="1s">Ні.</span></p></div></body></tt>'
)
_TEI = (
    '<TEI xmlns="http://www.tei-c.org/ns/1.0" xml:lang="uk"><teiHeader><titleStmt><title>Засідання</title></titleStmt>'
    '<sourceDesc><date when="2024-03-05"/></sourceDesc><person xml:id="a"><persName><surname>Коваль</surname></persName>'
    f'</person></teiHeader><text><body><u who="#a"><seg>{_TEXT}<note>шум</note></seg><seg><w join="right">Так</w>'
    "<pc>.</pc></seg></u></body></text></TEI>"
)
_PARAGRAPH = "<p>У Чернігові сьогодні відкрили новий міст через Десну, і на церемонію прийшли сотні містян.</p>"
_HTML = (
    '<!doctype html><html lang="uk"><head><meta charset="utf-8"><title>Міст</title><link rel="canonical" href="https://a.example/b">'
    f'<meta name="author" content="Олена"></head><body><article><h1>Міст</h1>{_PARAGRAPH * 4}</article></body></html>'
)
_WHISPER = json.dumps(
    {
        "segments": [
            {
                "start": 0.5, "end": 2, "text": " Так. Ні", "speaker": "A", "no_speech_prob": 0.1, "avg_logprob": -0.2,
                "words": [{"word": " Так.", "start": 0.5, "end": 1}, {"word": " Ні", "start": 1, "end": 2}],
            }
        ],
        "language": "uk",
    }
)  # fmt: skip
_NINJS = json.dumps(
    {
        "uri": "urn:1", "headlines": [{"value": "Міст"}], "versionCreated": "2026-01-02T18:30:00Z", "language": "uk",
        "bodies": [{"contentType": "text/html", "value": "<p>Міст &amp; річка.</p>"}], "infoSources": [{"name": "А"}],
    }
)  # fmt: skip
_TRANSCRIPT = json.dumps(
    {"text": "Так.\r\nНі.", "date": "2026-01-02", "segments": [{"start": 0, "end": 4, "begins": 1}]}
)
_FEED = (
    '<rss version="2.0"><channel><title>Вісник</title><item><title>Міст</title><link>https://a.example/b</link>'
    f"<guid>1</guid><pubDate>Fri, 02 Jan 2026 18:30:00 +0200</pubDate><description>&lt;p&gt;{_TEXT}&lt;/p&gt;</description>"
    "</item></channel></rss>"
)


def _warc() -> bytes:
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=False)
    for media_type, body in (("application/json", _TRANSCRIPT), ("text/html", _HTML)):
        headers = StatusAndHeaders("200 OK", [("Content-Type", media_type)], protocol="HTTP/1.1")
        payload = io.BytesIO(body.encode())
        writer.write_record(writer.create_warc_record("https://a.example/b", "response", payload, http_headers=headers))
    return out.getvalue()


_ALL = {
    "text": Sample("a.txt", f"title: Міст\ndate: 2026-01-02\n\n{_TEXT}".encode(), _encoded("---", "date:", "title:", ":")),
    "json": Sample("a.json", _TRANSCRIPT.encode(), _JSON + _encoded('"segments"', '"start"', '"text"', "99")),
    "srt": Sample("a.srt", _SRT.encode(), _encoded("-->", "00:00:01,000", "<", ">", ">>", ":", "♪", "[", "(", "{\\", ".", "- ")),
    "webvtt": Sample("a.vtt", _VTT.encode(), _encoded("-->", "00:01.000", "<v ", "<c.", ">", "</v>", "NOTE", "\n\n", ".", ":")),
    "whisper": Sample("a.json", _WHISPER.encode(), _JSON + _encoded('"words"', '"start"', '"text"', '"segments"')),
    "ttml": Sample("a.ttml", _TTML.encode(), _XML + _encoded('begin="1s"', 'dur="9t"', 'end="00:00:01:99"', 'frameRate="0"')),
    "tei": Sample("a.tei", _TEI.encode(), _XML + _encoded("<u>", "</u>", "<seg>", "<w>", "</w>", 'who="#a"', "<note>")),
    "html": Sample("a.html", _HTML.encode(), _XML + _encoded("<table>", "<td>", "<script>", "<body>", "charset=", "<li>")),
    "ninjs": Sample("a.json", _NINJS.encode(), _JSON + _encoded('"bodies"', '"uri"', '"value"', "<p>", "</div>")),
    "jsonl": Sample("a.jsonl", f"{_TRANSCRIPT}\n{_NINJS}\n".encode(), (*_JSON, b"\n")),
    "warc": Sample("a.warc", _warc(), _encoded("WARC/1.0\r\n", "Content-Length: ", "\r\n\r\n", "HTTP/1.1 200 OK", "chunked", "gzip")),
    "feed": Sample("a.rss", _FEED.encode(), _XML + _encoded("<item>", "</item>", "<link>", "<guid>", "<entry>")),
}  # fmt: skip
SAMPLES = {
    name: sample._replace(tokens=sample.tokens + _ANY)
    for name, sample in _ALL.items()
    if find_spec(f"pipeline.readers.{FORMATS[name].module}") is not None
}
