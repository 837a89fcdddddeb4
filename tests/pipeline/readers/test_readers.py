"""What may be read, and the named reason for everything that may not."""

import gzip
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipeline import readers
from pipeline.readers import Hint, Limits, Rejected, plain_text, transcript_json
from pipeline.transcript import Segment, Transcript
from tests.conftest import EXAMPLE

LIMIT = 10_000
LIMITS = Limits(document_bytes=LIMIT)
FILE = Hint(name="file.txt")


def _gzip(data: bytes) -> bytes:
    """The same bytes at any time: they stand in the names of tests."""
    return gzip.compress(data, mtime=0)


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("empty.txt", b"", "empty"),
        ("blank.txt", b" \n\n", "empty"),
        ("noise.txt", bytes(range(128, 256)) * 4, "not-text"),
        ("picture.txt", b"\x89PNG\x00\x00", "binary"),
        ("nul.txt", b"\x00\x01\x02", "binary"),
        ("novel.txt", "а".encode() * LIMIT, "too-large"),
        ("speech.docx", b"PK", "unknown-format"),
        ("speech.docx", b"PK\x03\x04\x00\x00", "unknown-format"),
        ("speech", b"text", "unknown-format"),
        ("broken.json", b"{", "unreadable"),
        ("deep.json", b'{"text": "x", "more": ' + b"[" * 5000, "unreadable"),
        ("list.json", b"[1, 2]", "not-a-transcript"),
        ("no-text.json", b'{"title": "x"}', "not-a-transcript"),
        ("no-words.json", b'{"text": " "}', "empty"),
        ("date.json", b'{"text": "x", "date": "yesterday"}', "bad-date"),
        ("year.json", b'{"text": "x", "date": "0001-01-01"}', "bad-date"),
        ("front.txt", b"title: x\ntitel: y\n\ntext", "front-block"),
        ("surrogate.json", b'{"text": "\\ud800"}', "unreadable"),
        ("outside.json", b'{"text": "abc", "segments": [{"start": 0, "end": 4}]}', "bad-segments"),
        ("overlap.json", b'{"text": "abc", "segments": [{"start":0,"end":2},{"start":1,"end":3}]}', "bad-segments"),
        ("time.json", b'{"text": "abc", "segments": [{"start":0,"end":2,"begins":3,"ends":1}]}', "bad-segments"),
        ("none.srt", b"no times here", "not-subtitles"),
        ("none.vtt", b"WEBVTT\n\nno times here", "not-subtitles"),
        ("other.xml", b"<?xml version='1.0'?><invoice/>", "unknown-format"),
        ("other.tei", b"<invoice/>", "not-a-transcript"),
        ("laughs.ttml", b"<?xml version='1.0'?><!DOCTYPE tt [<!ENTITY a 'ha'>]><tt>&a;</tt>", "dangerous-xml"),
        ("page.html", b"<html><body><nav></nav></body></html>", "empty"),
        ("dump.html", b"<html>" + b"<p>" * 11_000, "too-large"),
        ("twice.gz", _gzip(_gzip(b"text")), "nested"),
        ("cut.txt.gz", _gzip(b"text" * 100)[:-9], "unreadable"),
        ("cut.txt.zst", zstandard.compress(b"text" * 100)[:-5], "unreadable"),
        ("broken.txt.gz", b"\x1f\x8b\x08" + b"x" * 40, "unreadable"),
        ("not.warc", b"text", "unreadable"),
    ],
)
def test_bad_input_is_named(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    (found,) = readers.read_path(written(tmp_path, name, data), LIMITS)
    assert isinstance(found, Rejected)
    assert found.reason == reason
    assert 0 < len(found.explanation) < 400


def test_an_explanation_does_not_quote_a_whole_file() -> None:
    (found,) = readers.read(io.BytesIO(b"<tt xmlns='" + b" " * 5_000 + b"'>"), Hint("a.ttml"), LIMITS)
    assert isinstance(found, Rejected)
    assert len(found.explanation) < 600


def test_a_file_that_is_not_there_is_unreadable(tmp_path: Path) -> None:
    (found,) = readers.read_path(tmp_path / "gone.txt", LIMITS)
    assert str(found) == "unreadable: No such file or directory"


def test_a_front_block_says_what_a_text_is() -> None:
    block = (
        "Title: Звернення: вечірнє\nDATE: 2026-01-02T20:30\nsource: Офіс\n"
        "speakers: Один, Двоє\nlanguage: uk\n\nТекст.\n"
    )
    transcript = plain_text.read(block.encode(), FILE)
    assert transcript.title == "Звернення: вечірнє"
    assert transcript.published == datetime(2026, 1, 2, 20, 30, tzinfo=UTC)
    assert transcript.source == "Офіс"
    assert transcript.speakers == ("Один", "Двоє")
    assert transcript.text == "Текст."


def test_a_fenced_front_block_may_hold_empty_lines() -> None:
    transcript = plain_text.read("---\ntitle: Назва\n---\nТекст.".encode(), FILE)
    assert (transcript.title, transcript.text) == ("Назва", "Текст.")


@pytest.mark.parametrize("text", ["Увага: повітряна тривога.\n\nУсі в укриття.", "Title\n\nx", "note: x\n\ny"])
def test_a_text_that_begins_like_a_front_block_is_text(text: str) -> None:
    assert plain_text.read(text.encode(), FILE).text == text


def test_every_line_end_becomes_a_line_feed_and_a_mark_of_byte_order_goes() -> None:
    assert plain_text.read("\ufeffа\r\nб\rв".encode(), FILE).text == "а\nб\nв"


def test_the_example_is_read_whole() -> None:
    (transcript,) = readers.read_path(EXAMPLE, LIMITS)
    assert isinstance(transcript, Transcript)
    assert transcript.text == EXAMPLE.read_text()
    assert transcript.title == "zvernennia"


def test_a_transcript_as_json_keeps_what_its_sender_says() -> None:
    form = {
        "id": "abc",
        "title": "Назва",
        "date": "2022-05-17T11:03:51+03:00",
        "speakers": ["Володимир Зеленський"],
        "topics": ["left alone"],
        "url": "https://example.org/1",
        "text": "Українці!\r\nУкраїнки!",
    }
    transcript = transcript_json.read(json.dumps(form).encode(), FILE)
    assert transcript.guid == "abc"
    assert transcript.text == "Українці!\nУкраїнки!"
    assert transcript.published is not None
    assert transcript.published.utcoffset() == timedelta(hours=3)


def test_segments_of_a_transcript_follow_its_line_ends() -> None:
    text = "Перший.\r\n\r\nДругий.\r\n"
    segments = [
        {"start": 0, "end": 7, "speaker": "А", "begins": 0.5, "ends": 2, "confidence": "high"},
        {"start": 11, "end": 18, "speaker": "Б", "language": "ru", "confidence": 0.5},
    ]
    data = json.dumps({"guid": "g", "id": "i", "text": text, "segments": segments}).encode()
    transcript = transcript_json.read(data, FILE)
    assert transcript.guid == "g"
    assert transcript.speakers == ("А", "Б")
    assert transcript.segments == (Segment(0, 7, "А", 0.5, 2), Segment(9, 16, "Б", language="ru", confidence=0.5))
    assert [transcript.text[each.start : each.end] for each in transcript.segments] == ["Перший.", "Другий."]


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_rejected(data: bytes) -> None:
    for found in readers.read(io.BytesIO(data), FILE, LIMITS):
        assert isinstance(found, Rejected) or "\r" not in found.text


def test_a_folder_gives_its_readable_files_in_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a.json", ".hidden.txt", "notes.md", "d.warc.gz", "e.SRT.zst", "f.tar.gz"):
        written(tmp_path, name, b"x")
    (tmp_path / "sub").mkdir()
    written(tmp_path / "sub", "c.TXT", b"x")
    assert [path.name for path in readers.files(tmp_path)] == [
        "a.json",
        "b.txt",
        "d.warc.gz",
        "e.SRT.zst",
        "c.TXT",
    ]
