"""Lists of feeds, to and from other programs, some of which mean no good."""

from __future__ import annotations

import pytest

from pipeline.readers import Rejected
from services.feeds import lists
from services.feeds.subscriptions import Options, Subscription

FEEDS = [
    Subscription(
        id="1", url="https://example.org/feed?a=1&b=2", added=0, title='Новини «А» & "Б" \x07', site="https://a/"
    ),
    Subscription(
        id="2",
        url="https://example.org/podcast",
        added=0,
        title="Розмови",
        options=Options(source="Радіо, перше", language="uk", full_text=True, transcripts=True, interval=900),
    ),
]


@pytest.mark.parametrize("form", [lists.to_opml, lists.to_csv])
def test_what_is_written_can_be_read(form) -> None:  # type: ignore[no-untyped-def]
    found = lists.read(form(FEEDS))
    assert [(each.url, each.options) for each in found] == [(feed.url, feed.options) for feed in FEEDS]
    assert found[1].title == "Розмови"


def test_outlines_lie_in_outlines_and_each_feed_counts_once() -> None:
    opml = """<opml version="1.0"><body><outline text="Новини"><outline text="Київ">
      <outline type="rss" text="Перша" xmlUrl="https://example.org/1" language="uk-UA"/></outline>
      <outline type="rss" xmlUrl="https://example.org/1"/><outline text="без адреси"/>
      <outline xmlUrl="https://example.org/2"/></outline></body></opml>"""
    found = lists.read(opml.encode())
    assert [each.url for each in found] == ["https://example.org/1", "https://example.org/2"]
    assert (found[0].title, found[0].options.language) == ("Перша", "uk")


def test_a_list_of_urls_is_a_list() -> None:
    found = lists.read(b"https://example.org/1\n\nhttps://example.org/2\n")
    assert [each.url for each in found] == ["https://example.org/1", "https://example.org/2"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'<!DOCTYPE o [<!ENTITY x SYSTEM "file:///x">]><opml><outline xmlUrl="&x;"/></opml>', "dangerous-xml"),
        (b"<opml><body>" + b"<outline>" * 1000 + b"</opml>", "unreadable"),
        (b"<html><body/></html>", "not-a-list"),
        (b"<opml><body/></opml>", "empty"),
        (b"name,address\na,b\n", "not-a-list"),
        (b"url,interval\nhttps://example.org/,soon\n", "not-a-list"),
        (b"url\n\"https://example.org/\n", "unreadable"),
        (b"\x00\x01", "binary"),
    ],
)  # fmt: skip
def test_what_is_no_list_is_named(data: bytes, reason: str) -> None:
    with pytest.raises(Rejected) as caught:
        lists.read(data)
    assert caught.value.reason == reason
