"""What may enter, once, with a real store and a real broker."""

import time
from datetime import UTC, datetime

import msgspec
import pytest

from pipeline.artifact import Record, decode
from pipeline.failure import Failure
from pipeline.identity import Claims, is_removed, place_of_id
from pipeline.models.bundle import Bundle
from pipeline.readers import Rejected
from pipeline.selection import Criteria, Selection
from pipeline.sighting import sightings
from pipeline.store import ArtifactStore, document_key, record_key
from pipeline.takedown import take_down
from pipeline.transcript import Document, Segment, Transcript
from services import broker
from services.admission import Admission, Admitted
from services.broker import Lane
from services.quarantine import Quarantine
from services.queues import depths
from services.settings import Settings


def stored(store: ArtifactStore, key: str) -> Document:
    return decode(store.get(key), Document, key)


def test_a_document_is_stored_as_it_came(admission: Admission, store: ArtifactStore) -> None:
    transcript = Transcript(
        text="Добрий день.", title="Привіт", source="Радіо", published=datetime(2026, 1, 2, tzinfo=UTC)
    )
    admitted = admission.admit(transcript)
    document = stored(store, document_key(admitted.place))
    assert (document.text, document.title, document.language) == ("Добрий день.", "Привіт", "uk")
    assert admitted.place.path.startswith("2026/01/02/")
    assert not admitted.is_recorded


def test_the_same_document_is_admitted_once(admission: Admission, store: ArtifactStore) -> None:
    places = {admission.admit(Transcript(text="Добрий день.")).place for _ in range(3)}
    assert len(places) == 1
    assert len(list(store.list("documents/"))) == 1


def test_a_claim_whose_document_was_never_written_is_kept_to(admission: Admission, store: ArtifactStore) -> None:
    first = admission.admit(Transcript(text="Добрий день."))
    store.delete(document_key(first.place))
    assert admission.admit(Transcript(text="Добрий день.")).place == first.place
    assert store.exists(document_key(first.place))


def test_a_corrected_article_knows_its_predecessor(admission: Admission, store: ArtifactStore) -> None:
    ids = []
    for version in ("Перша версія.", "Друга версія.", "Третя версія."):
        place = admission.admit(Transcript(text=version, url="https://example.org/1")).place
        ids.append(place.id)
        document = stored(store, document_key(place))
        assert document.predecessor == (ids[-2] if len(ids) > 1 else None)
    assert len({name.partition("-")[0] for name in ids}) == 1


@pytest.mark.parametrize("text", [" \n\u00a0", "12 345 – 67!"])
def test_what_may_not_enter_is_named(admission: Admission, store: ArtifactStore, text: str) -> None:
    with pytest.raises(Rejected) as caught:
        admission.admit(Transcript(text=text))
    assert caught.value.reason == "empty"
    assert list(store.list("documents/")) == []


@pytest.mark.parametrize(
    ("transcript", "language"),
    [
        (Transcript(text="Dzień dobry.", language="pl"), "pl"),
        (Transcript(text="Good evening, this is the news in English."), "en"),
        (Transcript(text="Уважаемые коллеги, прошу всех занять места.", language="uk"), "ru"),
    ],
)
def test_a_language_without_a_bundle_waits_for_one(
    admission: Admission,
    store: ArtifactStore,
    settings: Settings,
    bundle: Bundle,
    transcript: Transcript,
    language: str,
) -> None:
    for _ in range(2):
        (taken,) = admission.admit_all([transcript])
        assert isinstance(taken, Admitted)
        assert taken.verdict == "unsupported-language"
    assert stored(store, document_key(taken.place)).language == language
    assert depths(broker.connect(settings))["parse.live"] == 0
    installed = {"uk": bundle}
    assert list(Selection(store, installed, Criteria(stage="parse")).all()) == []
    (selected,) = Selection(store, {**installed, language: bundle}, Criteria(stage="parse")).all()
    assert selected.place == taken.place


def test_the_same_text_of_another_sender_is_admitted_once_and_the_place_noted(
    admission: Admission, store: ArtifactStore
) -> None:
    first = admission.admit(Transcript(text="Президент підписав закон.", source="Укрінформ", url="https://a.example/1"))
    again = Transcript(text="Президент  підписав\nзакон. ", source="Сайт", url="https://b.example/7", title="Копія")
    for _ in range(2):
        second = admission.admit(again)
        assert (second.place, second.verdict) == (first.place, "duplicate")
    (seen,) = sightings(store, first.place)
    assert (seen.url, seen.title, seen.similarity) == ("https://b.example/7", "Копія", 1.0)
    assert len(list(store.list("documents/"))) == 1


def test_copies_and_revisions_within_one_call_see_each_other(admission: Admission, store: ArtifactStore) -> None:
    taken = admission.admit_all(
        [
            Transcript(text="Перша версія новини.", url="https://a.example/1"),
            Transcript(text="Перша версія новини.", url="https://b.example/1"),
            Transcript(text="Друга версія новини.", url="https://a.example/1"),
            Transcript(text=""),
        ]
    )
    assert [item.reason if isinstance(item, Rejected) else item.verdict for item in taken] == [
        "admitted", "duplicate", "admitted", "empty",
    ]  # fmt: skip
    first, _, revised = taken[:3]
    assert isinstance(first, Admitted) and isinstance(revised, Admitted)
    assert stored(store, document_key(revised.place)).predecessor == first.id


def test_a_claim_of_a_sender_that_died_is_taken_over(
    admission: Admission, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.admission._WRITING_SECONDS", 0.3)
    first = admission.admit(Transcript(text="Добрий день.", source="a"))
    store.delete(document_key(first.place))
    second = admission.admit(Transcript(text="Добрий день.", source="b"))
    assert second.verdict == "admitted"
    assert place_of_id(store, second.id) == second.place
    assert place_of_id(store, first.id) is None


def test_what_was_taken_down_does_not_come_back(admission: Admission, store: ArtifactStore) -> None:
    place = admission.admit(Transcript(text="Помилкова новина.", url="https://a.example/1")).place
    Claims(store).remove(place, stored(store, document_key(place)).text)
    for text, url in (("Помилкова новина.", "https://b.example/2"), ("Її нова версія.", "https://a.example/1")):
        with pytest.raises(Rejected) as caught:
            admission.admit(Transcript(text=text, url=url))
        assert caught.value.reason == "removed"
    assert is_removed(store, place.id)


def test_what_is_said_in_another_language_is_marked(admission: Admission, store: ArtifactStore) -> None:
    uk = "Шановні колеги, прошу голосувати за цей законопроєкт у першому читанні."
    ru = "Уважаемые коллеги, я считаю, что голосовать за это нельзя."
    place = admission.admit(Transcript(text=f"{uk}\n\n{ru}\n{ru}\n\n{uk}")).place
    document = stored(store, document_key(place))
    assert document.language == "uk"
    (segment,) = document.segments
    assert (document.text[segment.start : segment.end], segment.language) == (f"{ru}\n{ru}", "ru")


def test_confidence_stays_with_its_segment_and_changes_no_document_without_one(
    admission: Admission, store: ArtifactStore
) -> None:
    text = "Укpaїна ви\u00adстоїть. Уважаемые коллеги, я считаю, что голосовать за это нельзя."
    second = text.index("У", 1)
    segments = (
        Segment(0, second - 1, "А", confidence=0.9),
        Segment(second, len(text), "Б", language="uk", confidence=0.4),
    )
    place = admission.admit(Transcript(text=text, language="uk", segments=segments)).place
    assert [each.confidence for each in stored(store, document_key(place)).segments] == [0.9, 0.4]
    place = admission.admit(Transcript(text="Добрий день.", segments=(Segment(0, 12, "А"),))).place
    assert b"confidence" not in store.get(document_key(place))


def test_batches_are_bounded_in_documents_and_in_text(admission: Admission, settings: Settings) -> None:
    client = broker.connect(settings)
    short = [
        admission.admit(Transcript(text=f"Добрий день, {number}.")) for number in range(settings.batch_documents + 1)
    ]
    admission.enqueue(short)
    assert depths(client)["parse.live"] == 2
    half = "слово " * (settings.batch_characters // 10)
    long = [admission.admit(Transcript(text=f"{number} {half}")) for number in range(3)]
    admission.enqueue(long, Lane.REPLAY)
    assert depths(client)["parse.replay"] == 3


def test_sending_a_quarantined_document_again_asks_to_try_again(admission: Admission, store: ArtifactStore) -> None:
    place = admission.admit(Transcript(text="Добрий день.")).place
    quarantine = Quarantine(store)
    quarantine.put("topics", Failure(place, "ValueError", "could not", ""))
    assert quarantine.find(place) is not None
    admission.admit(Transcript(text="Добрий день."))
    assert quarantine.find(place) is None


def test_a_record_of_old_models_does_not_count(admission: Admission, store: ArtifactStore, bundle: Bundle) -> None:
    place = admission.admit(Transcript(text="Добрий день.")).place
    document = stored(store, document_key(place))
    for fingerprints, is_recorded in (({"parse": "old"}, False), (bundle.fingerprints, True)):
        record = {
            "schema": "efir.record/1",
            "id": place.id, "source": "local", "title": "", "language": "uk", "published": None,
            "ingested": document.ingested.isoformat(), "url": None, "predecessor": None, "speakers": [], "segments": [],
            "text": document.text, "tokens": 3, "sentences": [], "entities": [], "topics": [],
            "sentiment": {"label": "neutral", "score": 0.0},
            "stages": {s: {"fingerprint": f, "artifact": "", "seconds": 0.0} for s, f in fingerprints.items()},
        }  # fmt: skip
        store.replace(record_key(place), msgspec.json.encode(msgspec.convert(record, type=Record)))
        assert admission.admit(Transcript(text="Добрий день.")).is_recorded == is_recorded


LEAD = "Сьогодні вранці рятувальники завершили розбір завалів у центрі міста, повідомили в обласній адміністрації. "
BODY = " ".join(f"Речення {number} розповідає про подію {number * 7} і про людей {number * 3}." for number in range(40))


def test_a_near_duplicate_is_linked_to_the_first(admission: Admission, store: ArtifactStore) -> None:
    first = admission.admit(Transcript(text=BODY, source="a"))
    second = admission.admit(Transcript(text=LEAD + BODY, source="b"))
    document = stored(store, document_key(second.place))
    assert second.verdict == "admitted" and second.is_to_process
    assert (document.duplicate_of, document.cluster) == (first.id, first.id)
    assert document.similarity is not None and document.similarity > 0.7
    assert stored(store, document_key(first.place)).duplicate_of is None


def skipping(settings: Settings, store: ArtifactStore, bundle: Bundle) -> tuple[Admission, Admitted, Transcript]:
    """An admission that leaves near-duplicates out, what it has admitted, and a copy of that with another lead."""
    broker.connect(settings).flushdb()
    asked = settings.model_copy(update={"near_duplicates": "skip"})
    admission = Admission(asked, store, broker.create_app(asked), {"uk": bundle})
    first = admission.admit(Transcript(text=BODY, source="a"))
    return admission, first, Transcript(text=LEAD + BODY, source="b", url="https://b.example/1")


def test_a_near_duplicate_is_left_out_where_that_is_asked_for(
    settings: Settings, store: ArtifactStore, bundle: Bundle
) -> None:
    admission, first, copy = skipping(settings, store, bundle)
    assert [admission.admit(copy).verdict for _ in range(2)] == ["near-duplicate", "duplicate"]
    assert admission.admit(copy).place == first.place
    (seen,) = sightings(store, first.place)
    assert seen.source == "b" and 0.7 < seen.similarity < 1
    assert len(list(store.list("documents/"))) == 1


def test_a_copy_that_was_left_out_goes_with_its_original(
    settings: Settings, store: ArtifactStore, bundle: Bundle
) -> None:
    admission, first, copy = skipping(settings, store, bundle)
    assert admission.admit(copy).verdict == "near-duplicate"
    take_down(store, first.id, "tests")
    started = time.monotonic()
    with pytest.raises(Rejected) as caught:
        admission.admit(copy)
    assert caught.value.reason == "removed"
    assert time.monotonic() - started < 3, "and nobody waits for a document that will not be written"
    assert list(store.list("documents/")) == []


def test_dirty_text_is_stored_clean_with_its_segments(admission: Admission, store: ArtifactStore) -> None:
    text = "За\u0301мок на\u00a0горі.\r\nУкpaїна ви\u00adстоїть."
    place = admission.admit(Transcript(text=text, segments=(Segment(text.index("У"), len(text), "Диктор"),))).place
    document = stored(store, document_key(place))
    assert document.text == "Замок на горі.\nУкраїна вистоїть."
    (segment,) = document.segments
    assert document.text[segment.start : segment.end] == "Україна вистоїть."
