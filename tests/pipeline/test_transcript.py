from datetime import date, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.transcript import (
    Place,
    Segment,
    Transcript,
    document_id,
    is_document_id,
    place_of,
    segment_at,
    source_slug,
    story_of,
    text_digest,
    turns,
)
from tests.texts import document


def _id(transcript: Transcript) -> str:
    return document_id(transcript, text_digest(transcript.text))


def test_the_same_text_of_the_same_source_has_the_same_id() -> None:
    assert _id(Transcript(text="Добрий день.")) == _id(Transcript(text="Добрий день.", title="Інша"))


def test_a_corrected_text_is_another_revision_of_the_same_story() -> None:
    first = _id(Transcript(text="Перша версія.", url="https://example.org/1"))
    second = _id(Transcript(text="Друга версія.", url="https://example.org/1"))
    assert first != second
    assert story_of(first) == story_of(second)
    assert is_document_id(first)


def test_two_sources_do_not_share_a_story() -> None:
    assert _id(Transcript(text="Те саме.", source="a")) != _id(Transcript(text="Те саме.", source="b"))


@given(st.text(), st.text())
def test_a_source_is_one_safe_part_of_a_key(left: str, right: str) -> None:
    slug = source_slug(left)
    assert slug and slug.isascii() and "/" not in slug and slug not in {".", ".."} and len(slug) <= 70
    if left.strip().lower() == right.strip().lower():
        assert slug == source_slug(right)


def test_sources_with_names_in_cyrillic_stay_apart() -> None:
    assert source_slug("Радіо Свобода") != source_slug("Радіо Культура")


def test_a_place_reads_back() -> None:
    place = place_of(document("Текст."))
    assert place == Place(date(2026, 1, 2), "tests", "0123456789abcdef-01234567")
    assert Place.parse(place.path) == place


@pytest.mark.parametrize("path", ["", "a/b", "2026/13/01/s/i", "2026/01/01/s/i/x"])
def test_a_path_that_is_no_place_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"place|month"):
        Place.parse(path)


def test_the_day_is_that_of_utc() -> None:
    late = datetime.fromisoformat("2026-01-03T01:00:00+02:00")
    assert place_of(msgspec.structs.replace(document("Текст."), published=late)).day == date(2026, 1, 2)


def test_a_segment_is_found_by_what_it_holds() -> None:
    segments = (Segment(0, 5), Segment(7, 9))
    assert [segment_at(segments, at) for at in (0, 4, 5, 6, 7, 8, 9)] == [0, 0, None, None, 1, 1, None]


def test_a_turn_is_where_somebody_else_speaks() -> None:
    segments = (Segment(0, 5, "А"), Segment(6, 9, "А"), Segment(10, 12, "Б"), Segment(12, 15, "Б", language="ru"))
    assert turns(segments) == [9, 10, 12]
