"""The artifact store on a real S3 server."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.store import ArtifactStore, NotFound, Operation, StoreRefused, StoreUnavailable
from services.object_store import connect_store
from services.settings import Settings


def test_what_exists_is_never_overwritten(store: ArtifactStore) -> None:
    assert store.create("a/1.json", b"first")
    assert not store.create("a/1.json", b"second")
    assert store.get("a/1.json") == b"first"


def test_of_many_writers_exactly_one_wins(store: ArtifactStore) -> None:
    def write(number: int) -> bool:
        try:
            return store.create("race.json", str(number).encode())
        except StoreUnavailable:  # "somebody is writing this key", which a caller tries again
            return store.create("race.json", str(number).encode())

    with ThreadPoolExecutor(8) as pool:
        won = [number for number, wrote in enumerate(pool.map(write, range(24))) if wrote]
    assert len(won) == 1
    assert store.get("race.json") == str(won[0]).encode()


def test_what_may_change_is_replaced_and_removed(store: ArtifactStore) -> None:
    store.replace("r.json", b"1")
    store.replace("r.json", b"2")
    assert store.get("r.json") == b"2"
    store.delete("r.json")
    store.delete("r.json")
    assert not store.exists("r.json")
    with pytest.raises(NotFound):
        store.get("r.json")


def test_a_listing_is_sorted_and_can_go_on_from_a_key(store: ArtifactStore) -> None:
    for name in ("b/2", "a/1", "b/10", "b/1"):
        store.create(name, b"x")
    assert list(store.list("b/")) == ["b/1", "b/10", "b/2"]
    assert list(store.list("b/", after="b/10")) == ["b/2"]
    assert list(store.list("c/")) == []


def test_the_observer_hears_of_every_operation(store: ArtifactStore) -> None:
    heard: list[Operation] = []
    store.observer = heard.append
    store.create("parse/o", b"123")
    store.create("parse/o", b"1234")
    store.replace("records/r", b"12")
    store.get("records/r")
    store.exists("nothing")
    assert [(each.name, each.folder, each.outcome, each.written, each.read) for each in heard] == [
        ("create", "parse", "ok", 3, 0),
        ("create", "parse", "ok", 0, 0),  # somebody was first, and nothing was stored
        ("replace", "records", "ok", 2, 0),
        ("get", "records", "ok", 0, 2),
        ("stat", "nothing", "not_found", 0, 0),
    ]
    assert all(0 < each.seconds < 10 for each in heard)


def test_an_error_is_told_with_its_code(store: ArtifactStore, settings: Settings) -> None:
    heard: list[Operation] = []
    stranger = connect_store(settings.model_copy(update={"store_access_key": settings.store_secret_key}))
    away = ArtifactStore.connect("http://127.0.0.1:9", "efir", "a", "b", timeout=1)
    stranger.observer = away.observer = heard.append
    with pytest.raises(StoreRefused):
        stranger.create("k", b"")
    with pytest.raises(StoreRefused):
        stranger.get("k")
    with pytest.raises(StoreUnavailable):
        away.get("k")
    assert [(each.outcome, each.code) for each in heard] == [
        ("refused", "403"),
        ("refused", "InvalidAccessKeyId"),
        ("unavailable", "no-answer"),
    ]


def test_the_store_says_what_time_it_is(store: ArtifactStore) -> None:
    assert abs(store.clock() - time.time()) < 3


def test_a_store_that_is_away_is_unavailable() -> None:
    away = ArtifactStore.connect("http://127.0.0.1:9", "efir", "a", "b", timeout=1)
    with pytest.raises(StoreUnavailable, match="does not answer"):
        away.create("k", b"")
    with pytest.raises(StoreUnavailable):
        away.get("k")


def test_wrong_keys_are_refused_with_what_to_do(settings: Settings) -> None:
    store = connect_store(settings.model_copy(update={"store_access_key": settings.store_secret_key}))
    with pytest.raises(StoreRefused, match="EFIR_STORE_ENDPOINT"):
        store.create("k", b"")


@pytest.mark.parametrize("endpoint", ["localhost:9000", "ftp://x", "http://host/path"])
def test_an_endpoint_of_another_form_is_explained(endpoint: str) -> None:
    with pytest.raises(ValueError, match="expected http"):
        ArtifactStore.connect(endpoint, "efir", "a", "b")


def test_folders_and_times_are_told_and_many_are_removed_at_once(store: ArtifactStore) -> None:
    for key in ("d/a/1.json", "d/a/2.json", "d/a-b/1.json"):
        store.create(key, b"12345")
    assert sorted(store.folders("d/")) == ["a", "a-b"]
    assert [(entry.key, entry.size) for entry in store.entries("d/a/", after="d/a/1.json")] == [("d/a/2.json", 5)]
    assert store.modified("d/a/1.json") == next(store.entries("d/a/")).modified
    assert store.modified("d/a/9.json") is None
    store.delete_all(["d/a/1.json", "d/a/2.json", "d/a/9.json"])
    assert list(store.list("d/")) == ["d/a-b/1.json"]
