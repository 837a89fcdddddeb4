"""What may enter, once, with a real store and a real broker."""

from datetime import UTC, datetime

import msgspec
import pytest

from pipeline.artifact import Record, decode
from pipeline.failure import Failure
from pipeline.models.bundle import Bundle
from pipeline.readers import Rejected
from pipeline.store import ArtifactStore, document_key, record_key
from pipeline.transcript import Document, Transcript
from services import broker
from services.admission import Admission, share_of_script
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


@pytest.mark.parametrize(
    ("transcript", "reason"),
    [
        (Transcript(text=" \n\u00a0"), "empty"),
        (Transcript(text="12 345 – 67!"), "empty"),
        (Transcript(text="Dzień dobry.", language="pl"), "unsupported-language"),
        (Transcript(text="Good evening, this is the news in English."), "unsupported-language"),
    ],
)
def test_what_may_not_enter_is_named(
    admission: Admission, store: ArtifactStore, transcript: Transcript, reason: str
) -> None:
    with pytest.raises(Rejected) as caught:
        admission.admit(transcript)
    assert caught.value.reason == reason
    assert list(store.list("documents/")) == []


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


def test_the_share_of_a_script_counts_letters_only() -> None:
    assert share_of_script("Так! 100%", "CYRILLIC") == 1
    assert share_of_script("Так yes", "CYRILLIC") == 0.5
    assert share_of_script("100%", "CYRILLIC") is None
