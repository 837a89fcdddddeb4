"""Feeds of every kind, well-formed, broken and hostile."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import msgspec
import pytest

from pipeline.readers import Hint, Rejected, feed, feed_xml
from pipeline.readers.markup import to_line, to_text
from pipeline.transcript import Transcript

RSS = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:atom="http://www.w3.org/2005/Atom"
 xmlns:sy="http://purl.org/rss/1.0/modules/syndication/" xmlns:podcast="https://podcastindex.org/namespace/1.0">
<channel><title>Хроніка &amp; події</title><link>/</link><language>uk-UA</language><ttl>30</ttl>
<sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency>
<atom:link rel="hub" href="https://hub.example.org/"/><atom:link rel="self" href="https://example.org/feed"/>
<item><title>Міст &lt;b&gt;відкрито&lt;/b&gt;</title><link>/n/1?utm_source=rss&amp;id=7#top</link>
<guid isPermaLink="false">tag:example.org,2026:1</guid><pubDate>Fri, 02 Jan 2026 10:00:00 +0200</pubDate>
<description>Коротко.</description>
<content:encoded><![CDATA[<p>Міст через річку <b>відкрито</b>.</p><p>Рух почався о&nbsp;восьмій.</p>]]>
</content:encoded>
<enclosure url="/e/1.mp3" type="audio/mpeg" length="1"/>
<podcast:transcript url="https://example.org/1.html" type="text/html"/>
<podcast:transcript url="https://example.org/1.vtt" type="text/vtt" language="uk"/></item>
<item><title>Без тексту</title><link>https://example.org/n/2</link></item>
</channel></rss>"""

ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="uk"><title>Атом</title><id>urn:a</id>
<link rel="alternate" href="https://example.org/"/><updated>2026-01-02T10:00:00Z</updated>
<entry><id>urn:uuid:1</id><title type="html">Про &lt;i&gt;поле&lt;/i&gt;</title><link href="https://example.org/a/1"/>
<published>2026-01-01T08:00:00+02:00</published><updated>2026-01-02T10:00:00Z</updated>
<author><name>Олена Коваль</name></author>
<content type="xhtml">
<div xmlns="http://www.w3.org/1999/xhtml"><p>Перший абзац.</p><p>Другий<br/>рядок.</p></div></content>
</entry></feed>"""

RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://example.org/"><title>Старий</title>
<link>https://example.org/</link></channel><item rdf:about="https://example.org/r/1"><title>Один</title>
<link>https://example.org/r/1</link><description>Текст старої стрічки.</description><dc:date>2026-01-02</dc:date></item>
</rdf:RDF>"""


def test_rss_is_read_with_everything_it_says() -> None:
    found = feed.parse(RSS.encode(), "https://example.org/feed")
    assert (found.format, found.title, found.language, found.url) == (
        "rss20",
        "Хроніка & події",
        "uk",
        "https://example.org/",
    )
    assert (found.ttl, found.period, found.hub) == (1800, 21_600, "https://hub.example.org/")
    assert found.self_url == "https://example.org/feed"
    entry = found.entries[0]
    assert entry.guid == "tag:example.org,2026:1"
    assert entry.url == "https://example.org/n/1?id=7", "absolute, without what tracks readers"
    assert entry.title == "Міст відкрито"
    assert entry.published == datetime(2026, 1, 2, 8, tzinfo=UTC) and entry.updated is None
    assert entry.text == "Міст через річку відкрито.\n\nРух почався о восьмій.", "content is preferred to the summary"
    assert entry.enclosures == (feed.Link("https://example.org/e/1.mp3", "audio/mpeg"),)
    assert [(link.url[-4:], link.media_type, link.language) for link in entry.transcripts] == [
        ("html", "text/html", None),
        (".vtt", "text/vtt", "uk"),
    ]


def test_atom_with_xhtml_content() -> None:
    found = feed.parse(ATOM.encode())
    entry = found.entries[0]
    assert (found.format, found.url, entry.title) == ("atom10", "https://example.org/", "Про поле")
    assert entry.text == "Перший абзац.\n\nДругий\nрядок."
    assert entry.authors == ("Олена Коваль",)
    assert entry.updated == datetime(2026, 1, 2, 10, tzinfo=UTC)


def test_what_a_feed_does_not_name_is_not_its_own_address() -> None:
    found = feed.parse(ATOM.encode(), "https://example.org/feed")
    assert (found.hub, found.self_url) == (None, None)
    assert feed.parse(RDF.replace("<link>https://example.org/</link>", "").encode(), "https://a.example/f").url is None


def test_a_ttl_that_is_no_number_is_none() -> None:
    assert feed.parse(RSS.replace("<ttl>30", "<ttl>²").encode()).ttl is None


def test_rdf_of_old() -> None:
    entry = feed.parse(RDF.encode()).entries[0]
    assert (entry.url, entry.text) == ("https://example.org/r/1", "Текст старої стрічки.")


def test_json_feed_survives_a_broken_item() -> None:
    form = {
        "version": "https://jsonfeed.org/version/1.1", "title": "Джейсон", "language": "uk", "expired": True,
        "home_page_url": "https://example.org/", "hubs": [{"type": "WebSub", "url": "https://hub.example.org/"}],
        "items": [
            {"id": 7, "url": "/j/1", "content_html": "<p>Так.</p><p>Ні.</p>", "date_published": "2026-01-02T10:00:00Z"},
            {"id": "8", "url": ["?"]},
            {"id": "9", "content_text": "Просто текст.", "attachments": [{"url": "/a.mp3", "mime_type": "audio/mpeg"}]},
        ],
    }  # fmt: skip
    found = feed.parse(msgspec.json.encode(form), "https://example.org/feed.json")
    assert [entry.guid for entry in found.entries] == ["7", "9"]
    assert (found.entries[0].text, found.entries[0].url) == ("Так.\n\nНі.", "https://example.org/j/1")
    assert found.is_finished and found.hub and "item 2" in found.problems[0]
    *_, rejected = feed.read(msgspec.json.encode(form), Hint(url="https://example.org/feed.json"))
    assert isinstance(rejected, Rejected) and rejected.reason == "unreadable" and "item 2" in rejected.explanation


def test_entries_are_transcripts_and_those_without_text_are_named() -> None:
    first, second = feed.read(RSS.encode(), Hint(url="https://example.org/feed"))
    assert isinstance(first, Transcript) and isinstance(second, Rejected)
    assert (first.source, first.guid, first.language) == ("example.org", "tag:example.org,2026:1", "uk")
    assert second.reason == "empty" and "Без тексту" in second.explanation


def test_a_feed_in_an_old_encoding_and_one_that_is_not_well_formed_are_read() -> None:
    old = RSS.replace('encoding="utf-8"', 'encoding="windows-1251"').encode("cp1251")
    assert feed.parse(old).title == "Хроніка & події"
    broken = RSS.replace("Коротко.", "Ціна & якість <br>").encode()
    found = feed.parse(broken)
    assert len(found.entries) == 2 and "not well-formed" in found.problems[0]


def test_the_entries_are_bounded() -> None:
    many = RSS.replace("</channel>", "<item><title>Ще</title></item>" * 50 + "</channel>").encode()
    found = feed.parse(many, most_entries=10)
    assert (len(found.entries), found.left_out) == (10, 42)
    assert found.entries[0].transcripts, "links stay with their items"


def test_what_is_longer_than_sense_is_cut() -> None:
    long = RSS.replace("Без тексту", "я" * 5000).replace("tag:example.org,2026:1", "g" * 5000)
    found = feed.parse(long.encode())
    assert len(found.entries[1].title) == 1000
    assert len(found.entries[0].guid or "") == 64, "a digest, which still tells guids apart"


BILLION = '<!DOCTYPE rss [<!ENTITY a "ха"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b" \n", "empty"),
        (b"<rss>\x00</rss>", "binary"),
        (RSS.replace("<rss", BILLION + "<rss", 1).encode(), "dangerous-xml"),
        (
            b'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss>&x;</rss>',
            "dangerous-xml",
        ),
        (b"<rss><channel><item>" + b"<div>" * 5000 + b"</rss>", "dangerous-xml"),
        (b"<html><body>Hello</body></html>", "not-a-feed"),
        (b"<!DOCTYPE html><html><head><title>x</title></head><body><p>Hello<br></body></html>", "not-a-feed"),
        (b"<opml version='2.0'><body/></opml>", "not-a-feed"),
        (b'{"version": "https://example.org/", "items": []}', "not-a-feed"),
        (b'{"items": 5}', "not-a-feed"),
        (b'{"version": ', "unreadable"),
        (
            b'{"version": "https://jsonfeed.org/version/1", "items": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            "unreadable",
        ),
        (b"no feed at all", "unreadable"),
    ],
)
def test_what_is_no_feed_or_means_no_good_is_named(data: bytes, reason: str) -> None:
    started = time.perf_counter()
    with pytest.raises(Rejected) as caught:
        feed.parse(data)
    assert caught.value.reason == reason
    assert time.perf_counter() - started < 2


SHOUT = "УВАГА " * 30
# In ASCII, and so in UTF-8, all of the declaration is one comment.
UTF7 = (
    f'<?xml version="1.0" encoding="{{}}"?><!-- --+AD4-\n+ADw-!DOCTYPE rss [\n'
    f'+ADw-!ENTITY a "{SHOUT.encode("utf-7").decode()}"+AD4-\n]+AD4-\n+ADw-!-- -->'
    '<rss version="2.0"><channel><title>&a;&a;</title></channel></rss>'
)


@pytest.mark.parametrize("declared", ["utf-7", "utf-8"])
@pytest.mark.parametrize("media_type", ["application/rss+xml; charset=utf-7", "text/xml; charset=utf-7", "text/xml"])
def test_what_is_checked_is_what_is_parsed_whatever_encoding_is_declared(declared: str, media_type: str) -> None:
    data = UTF7.format(declared).encode("ascii")
    assert b"<!ENTITY" in data.decode("utf-7").encode()
    try:
        found = feed.parse(data, media_type=media_type)
    except Rejected as rejected:
        assert rejected.reason in {"dangerous-xml", "unreadable", "not-a-feed"}
    else:
        assert "УВАГА" not in found.title


def test_declarations_of_entities_are_found_in_every_encoding_with_a_mark() -> None:
    for code in ("utf-8-sig", "utf-16", "utf-32"):
        with pytest.raises(Rejected) as caught:
            feed.parse(RSS.replace("<rss", BILLION + "<rss", 1).encode(code))
        assert caught.value.reason == "dangerous-xml"


def test_the_encoding_that_http_declares_counts_where_the_feed_names_none() -> None:
    old = RSS.partition("?>")[2].encode("koi8-u")
    assert feed.parse(old, media_type="text/xml; charset=KOI8-U").title == "Хроніка & події"
    assert feed.parse(RSS.encode(), media_type="text/xml").title == "Хроніка & події"


def test_an_entry_changes_with_its_words_and_not_with_its_date() -> None:
    first = feed.Entry(guid="1", title="А", text="Так.", updated=datetime(2026, 1, 1, tzinfo=UTC))
    later = msgspec.structs.replace(first, updated=datetime(2026, 1, 2, tzinfo=UTC))
    changed = msgspec.structs.replace(first, text="Ні.")
    assert first.digest == later.digest != changed.digest
    assert first.identity == changed.identity == "1"
    assert feed.Entry(url="https://example.org/1").identity == "https://example.org/1"


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("просто  текст\n", "просто текст"),
        ("<p>один</p><p>два</p>", "один\n\nдва"),
        ("один<br>два<br/><br/>три", "один\nдва\n\nтри"),
        ("<ul><li>а</li><li>б</li></ul>", "а\n\nб"),
        ("до<script>alert(1)</script> <!-- ні --> після", "до після"),
        ("5 &lt; 6 &amp; 7", "5 < 6 & 7"),
        ("<!-- лише примітка -->", ""),
        ("<p>не<b>закрито", "незакрито"),
        ("<div>" * 3000 + "глибоко", None),
    ],
)
def test_pieces_of_html_become_text(markup: str, text: str | None) -> None:
    found = to_text(markup)
    assert found == text if text is not None else found in {"", "глибоко"}


def test_titles_are_one_line() -> None:
    assert to_line("Довга<br>\n назва &laquo;А&raquo;") == "Довга назва «А»"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTPS://Example.org/n?utm_medium=rss&id=1", "https://example.org/n?id=1"),
        ("/n/1#comments", "https://example.org/n/1"),
        ("mailto:a@example.org", None),
        ("javascript:alert(1)", None),
        ("http://[::1", None),
        (None, None),
    ],
)
def test_a_url_is_made_canonical(url: str | None, expected: str | None) -> None:
    assert feed.canonical_url(url, "https://example.org/feed") == expected


def test_a_feed_of_hardly_anything_but_elements_is_refused() -> None:
    crowd = f"<rss version='2.0'><channel><item><description>{'<b/>' * 150_000}</description></item></channel></rss>"
    with pytest.raises(Rejected) as caught:
        feed_xml.parse(crowd.encode(), None, "application/rss+xml", 100)
    assert "more than 150,000 elements" in caught.value.explanation


def test_a_root_whose_name_is_none_is_read_as_far_as_it_goes() -> None:
    found = feed_xml.parse(b"<xmlns:a='b'><item/></xmlns:a>", None, "application/rss+xml", 100)
    assert found.problems and not found.entries[0].text
