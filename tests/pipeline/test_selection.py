"""Which documents are stale, told from the listings of a real store."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from pipeline.artifact import encode
from pipeline.models.bundle import Bundle
from pipeline.selection import Criteria, Selected, Selection
from pipeline.store import (
    ArtifactStore,
    artifact_key,
    conllu_key,
    document_key,
    quarantine_key,
    record_key,
    text_key,
)
from pipeline.transcript import Document, Place

DAY = date(2026, 3, 1)


class Shelf:
    """Documents and whatever a test says is there of them; the contents of artifacts do not matter to listings."""

    def __init__(self, store: ArtifactStore, bundle: Bundle) -> None:
        self.store = store
        self.bundle = bundle

    def put(
        self, number: int, *, stages: tuple[str, ...] = (), record: bool = False, source: str = "tests",
        day: date = DAY, language: str = "uk",
    ) -> Place:  # fmt: skip
        place = Place(day, source, f"{number:016x}-00000000")
        document = Document(id=place.id, source=source, language=language, ingested=datetime.now(UTC), text="Так.")
        self.store.create(text_key(f"{number:064x}"), place.path.encode())
        self.store.create(document_key(place), encode(document))
        for stage in stages:
            self.store.create(artifact_key(stage, self.bundle.fingerprints[stage], place), b"{}")
            if stage == "parse":
                self.store.create(conllu_key(self.bundle.fingerprints[stage], place), b"")
        if record:
            self.store.create(record_key(place), b"{}")
        return place

    def select(self, **criteria: object) -> list[Selected]:
        return list(Selection(self.store, {"uk": self.bundle}, Criteria(**criteria)).all())  # type: ignore[arg-type]


@pytest.fixture
def shelf(store: ArtifactStore, bundle: Bundle) -> Shelf:
    return Shelf(store, bundle)


ALL = ("parse", "entities", "sentiment", "topics")


def test_what_is_current_is_not_selected(shelf: Shelf) -> None:
    shelf.put(1, stages=ALL, record=True)
    assert shelf.select(stage="parse") == []
    assert shelf.select(stage="topics") == []


def test_work_starts_at_the_earliest_stale_stage(shelf: Shelf) -> None:
    cases = {
        shelf.put(1): ("parse",),
        shelf.put(2, stages=("parse",)): ("entities", "sentiment", "topics"),
        shelf.put(3, stages=("parse", "entities", "topics")): ("sentiment",),
        shelf.put(4, stages=ALL): ("topics",),  # only the record is missing
    }
    assert {item.place: item.stages for item in shelf.select(stage="parse")} == cases
    assert [item.stages for item in shelf.select(stage="sentiment")] == [("sentiment",)] * 4


def test_days_and_sources_bound_it(shelf: Shelf) -> None:
    places = [
        shelf.put(number, day=DAY + timedelta(days=number), source=source)
        for number, source in enumerate(("radio", "radio-2", "radio.3", "tv"))
    ]

    def chosen(**criteria: object) -> list[Place]:
        return [item.place for item in shelf.select(stage="parse", **criteria)]

    assert chosen() == places
    assert chosen(first=DAY + timedelta(days=1), last=DAY + timedelta(days=2)) == places[1:3]
    assert chosen(sources=("radio", "tv")) == [places[0], places[3]]


def test_sources_that_begin_alike_do_not_mix(shelf: Shelf) -> None:
    """The order of "a-b/" and "a/" differs between stores; a merge that trusted it would miss some."""
    stale = {shelf.put(number, source=source) for number, source in enumerate(("a", "a-b", "a.b", "ab"))}
    for number, source in enumerate(("a", "a-b", "a.b", "ab")):
        shelf.put(100 + number, source=source, stages=ALL, record=True)
    assert {item.place for item in shelf.select(stage="parse")} == stale


def test_a_language_is_read_from_the_document(shelf: Shelf) -> None:
    shelf.put(1)
    russian = shelf.put(2, language="ru")
    assert [item.place for item in shelf.select(stage="parse", language="ru")] == [russian]


def test_an_old_version_selects_what_it_said(shelf: Shelf) -> None:
    place = shelf.put(1)
    shelf.put(2)
    shelf.store.create(artifact_key("topics", "0123456789ab", place), b"{}")
    assert [item.place for item in shelf.select(stage="topics", version="0123456789ab")] == [place]
    assert shelf.select(stage="topics", version="ba9876543210") == []


def test_since_selects_what_was_not_written_after_it(shelf: Shelf) -> None:
    place = shelf.put(1, stages=ALL, record=True)
    written = max(shelf.store.modified(artifact_key(s, shelf.bundle.fingerprints[s], place)) or 0 for s in ALL)
    assert [item.stages for item in shelf.select(stage="parse", since=written)] == [("parse",)]
    assert shelf.select(stage="parse", since=written - 3600) == []


def test_selecting_goes_on_after_a_place(shelf: Shelf) -> None:
    places = [shelf.put(number, source=source) for source in ("a", "a-b", "b") for number in range(3)]
    selection = Selection(shelf.store, {"uk": shelf.bundle}, Criteria(stage="parse"))
    for at, place in enumerate(places):
        assert [item.place for item in selection.all(place)] == places[at + 1 :]


def test_ids_are_looked_up_and_unknown_ones_are_told(shelf: Shelf) -> None:
    places = [shelf.put(number) for number in range(5)]
    shelf.put(7, stages=ALL, record=True)
    unknown: list[str] = []
    selection = Selection(shelf.store, {"uk": shelf.bundle}, Criteria(stage="parse"))
    asked = [places[3].id, places[1].id, f"{7:016x}-00000000", "f" * 16 + "-" + "0" * 8, places[1].id]
    found = [item.place for item in selection.among(asked, unknown.append)]
    assert found == [places[1], places[3]]
    assert unknown == ["f" * 16 + "-" + "0" * 8]


def test_quarantine_is_told_of_what_remains(shelf: Shelf) -> None:
    first, second, done = shelf.put(1), shelf.put(2), shelf.put(3, stages=ALL, record=True)
    shelf.store.create(quarantine_key("entities", second), b"{}")
    selection = Selection(shelf.store, {"uk": shelf.bundle}, Criteria(stage="parse"))
    remaining = {item.place: bool(item.quarantined) for item in selection.remaining([first, second, done])}
    assert remaining == {first: False, second: True}
