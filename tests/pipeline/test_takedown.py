"""Taking a document down: whole, once, whoever dies on the way or has the document in hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.artifact import Parse
from pipeline.failure import Failure
from pipeline.graph import STAGES
from pipeline.identity import place_of_id
from pipeline.models.bundle import Bundle
from pipeline.processing import Processing
from pipeline.readers import Rejected
from pipeline.store import ArtifactStore, artifact_key, conllu_key, document_key, record_key, unsupported_key
from pipeline.takedown import removal_of, take_down, unfinished
from pipeline.transcript import Place, Transcript
from services import broker
from services.admission import Admission
from services.object_store import connect_store
from services.quarantine import Quarantine
from services.settings import Settings

ARTICLE = Transcript(text="Добрий день, Україно.", url="https://example.org/1")


class Dies(Exception):
    """The process was killed."""


class Mortal(ArtifactStore):
    """A store whose user dies before its change number `lives`."""

    lives = -1

    def _count(self) -> None:
        if self.lives == 0:
            raise Dies
        self.lives -= 1

    def replace(self, *arguments: Any) -> None:
        self._count()
        super().replace(*arguments)

    def delete(self, *arguments: Any) -> None:
        self._count()
        super().delete(*arguments)

    def delete_all(self, keys: Any) -> None:
        for key in keys:
            self._count()
            super().delete(key)


@pytest.fixture
def admission(settings: Settings, store: ArtifactStore, bundle: Bundle) -> Admission:
    broker.connect(settings).flushdb()
    return Admission(settings, store, broker.create_app(settings), {"uk": bundle})


def everything(admission: Admission, store: ArtifactStore) -> Place:
    """A document with all that can be made of one, of several versions."""
    place = admission.admit(ARTICLE).place
    for stage in STAGES:
        for fingerprint in ("0123456789ab", "cdef01234567"):
            store.create(artifact_key(stage, fingerprint, place), b"{}")
    store.create(conllu_key("0123456789ab", place), b"")
    store.create(unsupported_key("pl", place), b"{}")
    admission.admit(Transcript(text=ARTICLE.text, source="інший"))
    for stage in STAGES:
        Quarantine(store).put(stage, Failure(place, "ValueError", "", ""))
    store.create(record_key(place), b"{}")
    return place


def left(store: ArtifactStore, place: Place) -> list[str]:
    return [key for key in store.list("") if place.id in key and not key.startswith("removals/")]


def test_nothing_is_left_but_the_removal(admission: Admission, store: ArtifactStore) -> None:
    place = everything(admission, store)
    assert len(left(store, place)) == 17
    other = admission.admit(Transcript(text="Вечірні новини.")).place
    removal = take_down(store, place.id, "tests")
    assert removal is not None and removal.finished is not None and removal.by == "tests"
    assert left(store, place) == [] and list(unfinished(store)) == []
    assert store.exists(document_key(other))
    assert take_down(store, place.id, "others") == removal
    assert take_down(store, "0123456789abcdef-01234567", "tests") is None


def test_whoever_dies_between_any_two_steps_the_next_one_ends_it_and_nothing_comes_back(
    admission: Admission, store: ArtifactStore, settings: Settings
) -> None:
    assert settings.store_endpoint is not None
    keys = settings.store_access_key.get_secret_value(), settings.store_secret_key.get_secret_value()
    mortal = Mortal.connect(settings.store_endpoint, store._bucket, *keys)
    assert isinstance(mortal, Mortal)
    number, is_over = 0, False
    while not is_over:
        article = Transcript(text=f"Новина номер {number}.", url=f"https://example.org/{number}")
        place = admission.admit(article).place
        for stage in STAGES:
            store.create(artifact_key(stage, "0123456789ab", place), b"{}")
        store.create(record_key(place), b"{}")
        mortal.lives = number
        try:
            take_down(mortal, place.id, "tests")
            is_over = True
        except Dies:
            begun = removal_of(store, place.id)
            assert (begun is None) == (number == 0)
            if begun is not None:
                assert list(unfinished(store)) == [begun]
        assert take_down(store, place.id, "tests") is not None
        assert left(store, place) == []
        with pytest.raises(Rejected, match="removed"):
            admission.admit(article)
        with pytest.raises(Rejected, match="removed"):
            admission.admit(Transcript(text=article.text, source="інший"))
        assert place_of_id(store, place.id) is None
        number += 1
    assert number > 12


def test_a_document_that_is_sent_again_while_it_is_taken_down_does_not_come_back(
    admission: Admission, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = admission.admit(ARTICLE).place
    create = store.create

    def late(key: str, *arguments: Any) -> bool:
        if key == document_key(place):
            take_down(store, place.id, "tests")
        return create(key, *arguments)

    monkeypatch.setattr(store, "create", late)
    with pytest.raises(Rejected, match="removed"):
        admission.admit(ARTICLE)
    assert left(store, place) == []


class Stage:
    """Says nothing of each document, after something has happened."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self._meanwhile = meanwhile

    def run(self, subjects: Any) -> list[Parse]:
        self._meanwhile()
        return [Parse(()) for _ in subjects]


def test_a_stage_that_had_it_in_hand_leaves_nothing_for_long(
    admission: Admission, store: ArtifactStore, bundle: Bundle
) -> None:
    place = admission.admit(ARTICLE).place
    stage: Any = Stage(lambda: take_down(store, place.id, "tests"))
    processing = Processing(store, {"uk": bundle}, lambda name, _: stage)
    assert processing.run("parse", [place]).done == [place]
    assert left(store, place) != []
    # What follows from the parse finds nobody, and tidies up.
    outcome = processing.run("topics", [place])
    assert (outcome.gone, outcome.failed) == ([place], [])
    assert left(store, place) == []


def test_a_document_that_is_missing_and_was_not_taken_down_is_a_failure(
    admission: Admission, store: ArtifactStore, bundle: Bundle
) -> None:
    place = admission.admit(ARTICLE).place
    store.delete(document_key(place))
    processing = Processing(store, {"uk": bundle}, lambda name, _: pytest.fail("nothing to run"))
    outcome = processing.run("parse", [place])
    assert [failure.reason for failure in outcome.failed] == ["document-missing"] and outcome.gone == []


def test_a_record_that_is_written_meanwhile_is_taken_back(
    admission: Admission, store: ArtifactStore, bundle: Bundle, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = admission.admit(ARTICLE).place
    processing = Processing(store, {"uk": bundle}, lambda name, _: pytest.fail("nothing to run"))
    monkeypatch.setattr(processing, "_artifact", lambda stage, document, place: stage)
    other = connect_store(settings.model_copy(update={"store_bucket": store._bucket}))

    def join(*_: Any) -> Any:
        removal = take_down(other, place.id, "tests")
        assert removal is not None
        return removal

    monkeypatch.setattr("pipeline.processing.join", join)
    outcome = processing.join_complete([place])
    assert (outcome.gone, outcome.done) == ([place], [])
    assert left(store, place) == []
