"""Which documents are lost, told from a real store and a real broker."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from pipeline.models.bundle import Bundle
from pipeline.selection import Criteria, Selected
from pipeline.store import ArtifactStore, artifact_key, quarantine_key, record_key, text_key, unsupported_key
from pipeline.transcript import Place
from services import broker
from services.broker import Batch, Lane
from services.queues import Queues
from services.recovery import Lost, enqueue, lost
from services.settings import Settings
from tests.pipeline.test_selection import ALL, DAY, Shelf


class Office(Shelf):
    """Documents, as on a shelf, and queues."""

    def __init__(self, store: ArtifactStore, bundle: Bundle, settings: Settings) -> None:
        super().__init__(store, bundle)
        self.settings = settings
        self.redis = broker.connect(settings)
        self.redis.flushdb()
        self.queues = Queues(broker.create_app(settings), self.redis)

    def lost(self, **within: object) -> list[Selected]:
        criteria = Criteria(stage="parse", **within)  # type: ignore[arg-type]
        return list(lost(self.settings, self.store, self.queues, {"uk": self.bundle}, criteria))

    def send(self, stage: str, *places: Place, lane: Lane = Lane.LIVE) -> None:
        paths = tuple(place.path for place in places)
        self.queues.publish(Batch(stage=stage, lane=lane, documents=paths, admitted=time.time()))

    def recover(self, **settings: object) -> Lost:
        changed = self.settings.model_copy(update=settings)
        return enqueue(changed, self.queues, self.lost(), Lane.REPLAY, lambda _: pytest.fail("there is room"))


@pytest.fixture
def office(store: ArtifactStore, bundle: Bundle, settings: Settings) -> Office:
    return Office(store, bundle, settings)


def test_lost_is_what_came_to_no_end(office: Office) -> None:
    nowhere, parsed = office.put(1), office.put(2, stages=("parse",))
    office.put(3, stages=ALL, record=True)
    given_up = office.put(4)
    office.store.create(quarantine_key("parse", given_up), b"{}")
    waits_for_a_bundle = office.put(5, language="xx")
    office.store.create(unsupported_key("xx", waits_for_a_bundle), b"{}")
    found = {item.place: (item.stages, item.is_whole) for item in office.lost()}
    assert found == {nowhere: (("parse",), False), parsed: (("entities", "sentiment", "topics"), False)}


def test_a_record_of_other_models_is_stale_and_not_lost(office: Office) -> None:
    place = office.put(1, record=True)
    office.store.create(artifact_key("parse", "0123456789ab", place), b"{}")
    assert office.lost() == []
    assert [item.place for item in office.select(stage="parse")] == [place]


def test_a_record_that_is_missing_or_older_than_its_artifacts_is_only_joined(office: Office) -> None:
    missing, older = office.put(1, stages=ALL), office.put(2, record=True)
    time.sleep(1.1)  # the store tells times in whole seconds
    for stage in ALL:
        office.store.create(artifact_key(stage, office.bundle.fingerprints[stage], older), b"{}")
    found = {item.place: (item.stages, item.is_whole) for item in office.lost()}
    assert found == {missing: (("topics",), True), older: (("topics",), True)}
    assert office.recover().joins == 2


def test_what_waits_or_is_in_hand_is_not_lost(office: Office) -> None:
    waits, behind, in_hand, gone = (office.put(number) for number in range(4))
    office.send("parse", in_hand)
    channel = broker.create_app(office.settings).connection_for_read().channel()
    taken = channel.basic_get("parse.live")
    assert taken is not None and office.redis.hlen("unacked") == 1
    office.send("parse", waits)
    office.send("parse", behind, lane=Lane.REPLAY)
    assert [item.place for item in office.lost()] == [gone]
    channel.basic_ack(taken.delivery_tag)
    assert {item.place for item in office.lost()} == {in_hand, gone}


def test_of_a_document_that_waits_for_one_stage_the_others_are_lost(office: Office) -> None:
    place = office.put(1, stages=("parse",))
    office.send("topics", place)
    assert [item.stages for item in office.lost()] == [("entities", "sentiment")]
    office.send("parse", place)
    assert office.lost() == []


def test_recovering_twice_enqueues_once(office: Office) -> None:
    places = [office.put(number) for number in range(5)]
    assert office.recover(batch_documents=2) == Lost(documents=5, joins=0, starts={"parse": 5})
    assert office.recover(batch_documents=2) == Lost()
    assert office.queues.documents([Lane.REPLAY]) == 5
    assert office.redis.llen("parse.replay") == 3
    assert set(office.queues.on_their_way(100)) == {place.path for place in places}


def test_days_and_sources_bound_what_is_recovered(office: Office) -> None:
    first, second = office.put(1), office.put(2, day=DAY + timedelta(days=1), source="rada")
    assert [item.place for item in office.lost(last=DAY)] == [first]
    assert [item.place for item in office.lost(sources=("rada",))] == [second]


def test_a_document_that_was_claimed_and_never_written_is_not_there_to_be_lost(office: Office) -> None:
    office.store.create(text_key("0" * 64), Place(DAY, "tests", "0" * 16 + "-00000000").path.encode())
    assert office.lost() == []


def test_recovery_leaves_room_for_new_documents(office: Office) -> None:
    for number in range(12):
        office.put(number)
    waited: list[int] = []

    def wait(waiting: int) -> None:
        waited.append(waiting)
        office.redis.delete("parse.replay")

    marks = office.settings.model_copy(update={"low_water": 4, "batch_documents": 2})
    assert enqueue(marks, office.queues, office.lost(), Lane.REPLAY, wait).documents == 12
    assert waited == [4, 4]


def test_what_is_read_of_long_queues_is_bounded(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.queues._CHUNK", 10)
    for number in range(25):
        office.send("parse", Place(DAY, "tests", f"{number:016x}-00000000"))
    assert len(office.queues.on_their_way(1000)) == 25
    assert len(office.queues.on_their_way(14)) == 14


def test_the_store_says_what_time_it_is(office: Office) -> None:
    assert office.store.clock() == pytest.approx(time.time(), abs=2)
    assert office.store.modified(record_key(office.put(1, record=True))) == pytest.approx(office.store.clock(), abs=2)
