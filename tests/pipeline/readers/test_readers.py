"""What may be read, and the named reason for everything that may not."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import readers
from pipeline.readers import Rejected, plain_text, transcript_json
from tests.conftest import EXAMPLE

LIMIT = 10_000


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("empty.txt", b"", "empty"),
        ("blank.txt", b" \n\n", "empty"),
        ("cp1251.txt", "Добрий день".encode("cp1251"), "not-utf8"),
        ("picture.txt", b"\x89PNG\x00\x00", "binary"),
        ("novel.txt", "а".encode() * LIMIT, "too-large"),
        ("speech.docx", b"PK", "unknown-format"),
        ("speech", b"text", "unknown-format"),
        ("broken.json", b"{", "unreadable"),
        ("deep.json", b'{"text": "x", "more": ' + b"[" * 5000, "unreadable"),
        ("list.json", b"[1, 2]", "not-a-transcript"),
        ("no-text.json", b'{"title": "x"}', "not-a-transcript"),
        ("date.json", b'{"text": "x", "date": "yesterday"}', "bad-date"),
        ("front.txt", b"title: x\ntitel: y\n\ntext", "front-block"),
        ("surrogate.json", b'{"text": "\\ud800"}', "unreadable"),
    ],
)
def test_bad_input_is_named(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    with pytest.raises(Rejected) as caught:
        readers.read_file(written(tmp_path, name, data), LIMIT)
    assert caught.value.reason == reason
    assert caught.value.explanation


def test_a_file_that_is_not_there_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="unreadable: No such file"):
        readers.read_file(tmp_path / "gone.txt", LIMIT)


def test_a_front_block_says_what_a_text_is() -> None:
    block = (
        "Title: Звернення: вечірнє\nDATE: 2026-01-02T20:30\nsource: Офіс\n"
        "speakers: Один, Двоє\nlanguage: uk\n\nТекст.\n"
    )
    transcript = plain_text.read(block.encode(), "file")
    assert transcript.title == "Звернення: вечірнє"
    assert transcript.published == datetime(2026, 1, 2, 20, 30, tzinfo=UTC)
    assert transcript.source == "Офіс"
    assert transcript.speakers == ("Один", "Двоє")
    assert transcript.text == "Текст."


def test_a_fenced_front_block_may_hold_empty_lines() -> None:
    transcript = plain_text.read("---\ntitle: Назва\n---\nТекст.".encode(), "file")
    assert (transcript.title, transcript.text) == ("Назва", "Текст.")


@pytest.mark.parametrize("text", ["Увага: повітряна тривога.\n\nУсі в укриття.", "Title\n\nx", "note: x\n\ny"])
def test_a_text_that_begins_like_a_front_block_is_text(text: str) -> None:
    assert plain_text.read(text.encode(), "file").text == text


def test_every_line_end_becomes_a_line_feed_and_a_mark_of_byte_order_goes() -> None:
    assert plain_text.read("\ufeffа\r\nб\rв".encode(), "file").text == "а\nб\nв"


def test_the_example_is_read_whole() -> None:
    transcript = readers.read_file(EXAMPLE, LIMIT)
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
    transcript = transcript_json.read(json.dumps(form).encode(), "file")
    assert transcript.guid == "abc"
    assert transcript.text == "Українці!\nУкраїнки!"
    assert transcript.published is not None
    assert transcript.published.utcoffset() == timedelta(hours=3)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_rejected(data: bytes) -> None:
    for reader in (plain_text.read, transcript_json.read):
        try:
            transcript = reader(data, "file")
        except Rejected:
            continue
        assert "\r" not in transcript.text


def test_a_folder_gives_its_readable_files_in_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a.json", ".hidden.txt", "notes.md"):
        written(tmp_path, name, b"x")
    (tmp_path / "sub").mkdir()
    written(tmp_path / "sub", "c.TXT", b"x")
    assert [path.name for path in readers.files(tmp_path)] == ["a.json", "b.txt", "c.TXT"]
