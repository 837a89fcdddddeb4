"""The content decides; what is said of it decides only where the content has no mark."""

import gzip
import json

import pytest
import zstandard

from tests.pipeline.readers.reading import items, reason, transcript

SRT = "1\n00:00:01,000 --> 00:00:02,000\nДобрий вечір.\n"
VTT = "WEBVTT\n\n00:01.000 --> 00:02.000\nДобрий вечір.\n"
TTML = '<tt xmlns="http://www.w3.org/ns/ttml"><body><div><p begin="1s" end="2s">Добрий вечір.</p></div></body></tt>'
TEI = (
    '<TEI xmlns="http://www.tei-c.org/ns/1.0"><text><body><u who="#a"><seg>Добрий вечір.</seg></u></body></text></TEI>'
)
WHISPER = json.dumps({"segments": [{"start": 1, "end": 2, "text": " Добрий вечір."}]})
NINJS = json.dumps({"uri": "urn:1", "bodies": [{"value": "Добрий вечір."}], "headlines": []})
JSON = json.dumps({"text": "Добрий вечір."})
LINES = JSON + "\n" + JSON + "\n"
PARAGRAPH = "<p>У Чернігові сьогодні відкрили новий міст через Десну, і на церемонію прийшли сотні містян.</p>"
HTML = f"<!doctype html><html><head><title>Міст</title></head><body><article>{PARAGRAPH * 3}</article></body></html>"
ALL = {
    "srt": SRT, "webvtt": VTT, "ttml": TTML, "tei": TEI, "whisper": WHISPER, "ninjs": NINJS, "json": JSON, "html": HTML,
}  # fmt: skip


@pytest.mark.parametrize("form", ALL)
@pytest.mark.parametrize(
    ("name", "media_type"),
    [("", ""), ("a.txt", ""), ("", "text/plain"), ("a.pdf", "application/pdf"), ("a.srt", "text/html"), ("a.xml", "")],
)
def test_the_content_wins_over_name_and_media_type(form: str, name: str, media_type: str) -> None:
    assert transcript(ALL[form], name, media_type=media_type).format == form


@pytest.mark.parametrize("form", ALL)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_every_format_is_known_in_every_unicode(form: str, encoding: str) -> None:
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    assert transcript(mark + ALL[form].encode(encoding)).format == form


@pytest.mark.parametrize("form", ALL)
def test_every_format_may_be_compressed_once(form: str) -> None:
    for packed in (gzip.compress(ALL[form].encode()), zstandard.compress(ALL[form].encode())):
        assert transcript(packed).format == form
    with_suffix = transcript(gzip.compress(b"text of a transcript"), "speech.txt.gz")
    assert (with_suffix.format, with_suffix.title) == ("text", "speech")


def test_json_lines_are_known_by_their_second_line_or_by_their_name() -> None:
    assert [item.name for item in items(LINES, "a.json")] == [":1", ":2"]
    assert [item.name for item in items(JSON, "a.jsonl")] == [":1"]
    assert [item.name for item in items(JSON, "a.txt")] == [""]
    spread = json.dumps({"text": "Добрий вечір."}, indent=1)
    assert transcript(spread, "a.jsonl").format == "json"


def test_text_needs_to_be_called_text_when_it_is_called_anything() -> None:
    assert transcript("Добрий вечір.").format == "text"
    assert transcript("Добрий вечір.", media_type="text/markdown").format == "text"
    assert transcript("Добрий вечір.", "speech.unknown", media_type="text/plain").format == "text"
    assert reason("Добрий вечір.", "speech.unknown") == "unknown-format"
    assert reason("Добрий вечір.", media_type="video/mp4") == "unknown-format"


@pytest.mark.parametrize("text", ["<Кличко> сказав.", "{Сміх} Так.", "WEBVTTS", "1\n2\n3", "[Музика] Так", "< 5 і > 3"])
def test_text_that_begins_oddly_is_text(text: str) -> None:
    assert transcript(text, "a.txt").text == text


def test_a_fragment_of_html_is_html_when_its_type_says_so() -> None:
    assert transcript(f"<div>{PARAGRAPH * 3}</div>", media_type="text/html").format == "html"


def test_markup_before_the_root_is_passed_over() -> None:
    before = '<?xml version="1.0"?>\n<!-- <rss> --><?style x?><!DOCTYPE tt SYSTEM "x.dtd">\n'
    assert transcript(before + TTML).format == "ttml"


def test_binary_files_are_told_what_they_are() -> None:
    (item,) = items(b"%PDF-1.7 ...", "speech.pdf")
    assert str(item.found) == "unknown-format: it is a PDF"
