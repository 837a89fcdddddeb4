"""Running stages over documents in a real store, with stages that fail on purpose."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
import pytest

from pipeline.artifact import Content, Entities, Record, Sentiment, Tone, Topics, decode, encode
from pipeline.graph import STAGES
from pipeline.models.bundle import Bundle
from pipeline.processing import Processing
from pipeline.stages import Stage, Subject
from pipeline.store import ArtifactStore, artifact_key, conllu_key, document_key, record_key
from pipeline.transcript import Place, place_of
from tests.texts import document, parse_of, words

NEUTRAL = Tone("neutral", 0.0)


class Fake:
    """A stage that counts its documents and cannot bear the word `поганий`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.batches: list[int] = []

    def run(self, batch: Sequence[Subject]) -> list[Content]:
        self.batches.append(len(batch))
        if any("поганий" in subject.document.text for subject in batch):
            raise RuntimeError("cannot bear it")
        return [self._content() for _ in batch]

    def _content(self) -> Content:
        contents: dict[str, Content] = {
            "parse": parse_of(words(("Текст", "текст", "NOUN", "", 0, "root"))),
            "entities": Entities(()),
            "sentiment": Sentiment(NEUTRAL, (NEUTRAL,)),
            "topics": Topics(()),
        }
        return contents[self.name]


class Bench:
    def __init__(self, store: ArtifactStore, bundle: Bundle) -> None:
        self.store, self.bundle = store, bundle
        self.stages = {name: Fake(name) for name in STAGES}
        self.processing = Processing(store, {"uk": bundle}, self._open)

    def _open(self, name: str, bundle: Bundle) -> Stage:
        return self.stages[name]

    def admit(self, *texts: str) -> list[Place]:
        documents = [document(text, f"{number:016x}-00000000") for number, text in enumerate(texts)]
        for each in documents:
            self.store.create(document_key(place_of(each)), encode(each))
        return [place_of(each) for each in documents]

    def artifact(self, stage: str, place: Place) -> str:
        return artifact_key(stage, self.bundle.fingerprints[stage], place)


@pytest.fixture
def bench(store: ArtifactStore, bundle: Bundle) -> Bench:
    return Bench(store, bundle)


def test_a_second_run_computes_nothing(bench: Bench) -> None:
    places = bench.admit("Текст один", "Текст два")
    assert bench.processing.run("parse", places).done == places
    again = bench.processing.run("parse", places)
    assert (again.done, again.present) == ([], places)
    assert bench.stages["parse"].batches == [2]


def test_one_bad_document_does_not_take_the_others_with_it(bench: Bench) -> None:
    places = bench.admit("Текст добрий", "Текст поганий", "Текст інший")
    outcome = bench.processing.run("parse", places)
    assert outcome.done == [places[0], places[2]]
    (failure,) = outcome.failed
    assert failure.place == places[1]
    assert failure.error == "RuntimeError: cannot bear it"
    assert "Traceback" in failure.traceback


def test_the_record_waits_for_the_last_stage(bench: Bench) -> None:
    places = bench.admit("Текст один")
    for stage in STAGES[:-1]:
        bench.processing.run(stage, places)
        assert bench.processing.join_complete(places).done == []
    bench.processing.run(STAGES[-1], places)
    assert bench.processing.join_complete(places).done == places
    key = record_key(places[0])
    record = decode(bench.store.get(key), Record, key)
    assert {stage: run.fingerprint for stage, run in record.stages.items()} == bench.bundle.fingerprints
    assert all(bench.store.exists(run.artifact) for run in record.stages.values())


def test_a_parse_whose_conllu_was_not_written_gets_it(bench: Bench) -> None:
    (place,) = bench.admit("Текст один")
    bench.processing.run("parse", [place])
    key = conllu_key(bench.bundle.fingerprints["parse"], place)
    whole = bench.store.get(key)
    bench.store.delete(key)
    assert bench.processing.run("parse", [place]).present == [place]
    assert bench.store.get(key) == whole


def test_a_document_that_is_not_there_fails_with_its_key(bench: Bench) -> None:
    place = Place.parse("2026/01/02/tests/ffffffffffffffff-00000000")
    (failure,) = bench.processing.run("parse", [place]).failed
    assert document_key(place) in failure.error


def test_a_stage_whose_need_is_missing_says_which(bench: Bench) -> None:
    (place,) = bench.admit("Текст один")
    outcome = bench.processing.run("topics", [place])
    assert outcome.missing == {"parse": [place]}
    assert (outcome.done, outcome.failed) == ([], [])


@pytest.mark.parametrize("torn", [b"", b'{"schema":', b'{"schema":"efir.parse/7"}', b"\xff"])
def test_a_torn_artifact_fails_its_document_and_names_the_key(bench: Bench, torn: bytes) -> None:
    (place,) = bench.admit("Текст один")
    bench.store.replace(bench.artifact("parse", place), torn)
    for stage in ("parse", "topics"):
        (failure,) = bench.processing.run(stage, [place]).failed
        assert bench.artifact("parse", place) in failure.error


def test_a_torn_artifact_is_not_joined(bench: Bench) -> None:
    (place,) = bench.admit("Текст один")
    for stage in STAGES:
        bench.processing.run(stage, [place])
    bench.store.replace(bench.artifact("topics", place), b"{")
    joined = bench.processing.join_complete([place])
    assert joined.done == []
    assert bench.artifact("topics", place) in joined.failed[0].error


def test_a_torn_document_fails_alone(bench: Bench) -> None:
    good, bad = bench.admit("Текст один", "Текст два")
    bench.store.replace(document_key(bad), b"{")
    outcome = bench.processing.run("parse", [good, bad])
    assert outcome.done == [good]
    assert document_key(bad) in outcome.failed[0].error


def test_a_document_whose_bundle_is_gone_fails_with_its_language(bench: Bench) -> None:
    foreign = msgspec.structs.replace(document("Text"), language="xx")
    bench.store.create(document_key(place_of(foreign)), encode(foreign))
    (failure,) = bench.processing.run("parse", [place_of(foreign)]).failed
    assert "'xx'" in failure.error


def test_what_was_not_written_after_a_time_is_made_again_once(bench: Bench) -> None:
    places = bench.admit("Текст один", "Текст два")
    bench.processing.run("parse", places)
    written = max(bench.store.modified(bench.artifact("parse", place)) or 0.0 for place in places)
    time.sleep(1.1)  # the store's clock ticks in seconds
    assert bench.processing.run("parse", places, since=written).done == places
    assert bench.processing.run("parse", places, since=written).present == places
    assert bench.stages["parse"].batches == [2, 2]
    assert all(bench.processing.has_artifact("parse", place, written) for place in places)


def test_a_lack_of_memory_is_not_the_documents_fault(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    places = bench.admit("Текст один", "Текст два")
    for error in (MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")):

        def run(batch: Sequence[Subject], error: Exception = error) -> list[Content]:
            raise error

        monkeypatch.setattr(bench.stages["parse"], "run", run)
        with pytest.raises(MemoryError):
            bench.processing.run("parse", places)
