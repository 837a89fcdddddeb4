"""Reading back: status, artifacts, listings; and taking down."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from pipeline.artifact import Artifact, Entities, Parse, Record, Sentiment, StageRun, Tone, Topics, encode
from pipeline.failure import Failure
from pipeline.graph import STAGES
from pipeline.identity import place_of_id
from pipeline.models.bundle import Bundle
from pipeline.store import CONLLU, ArtifactStore, artifact_key, conllu_key, record_key
from pipeline.transcript import Place
from services.quarantine import Quarantine
from tests.services.api.conftest import TEXT, Served

CONTENT: dict[str, Any] = {
    "parse": Parse(()),
    "entities": Entities(()),
    "sentiment": Sentiment(Tone("neutral", 0.0), ()),
    "topics": Topics(()),
}


def say(store: ArtifactStore, bundle: Bundle, place: Place, stage: str) -> None:
    """As if the stage had run on the document."""
    fingerprint = bundle.fingerprints[stage]
    said: Any = Artifact(
        schema=f"efir.{stage}/1",
        document=place.id,
        stage=stage,
        fingerprint=fingerprint,
        seconds=0.1,
        content=CONTENT[stage],
    )
    store.create(artifact_key(stage, fingerprint, place), encode(said))
    if stage == "parse":
        store.create(conllu_key(fingerprint, place), f"# newdoc id = {place.id}\n".encode(), CONLLU)


def record(store: ArtifactStore, bundle: Bundle, place: Place) -> None:
    """As if all stages had run on the document."""
    for stage in STAGES:
        say(store, bundle, place, stage)
    required: dict[str, Any] = {
        "id": place.id, "source": place.source, "title": "", "language": "uk", "published": None,
        "ingested": "2026-01-02T00:00:00Z", "url": None, "predecessor": None, "speakers": [], "segments": [],
        "text": TEXT, "tokens": 0, "sentences": [], "entities": [], "sentiment": {"label": "neutral", "score": 0.0},
        "topics": [],
        "stages": {
            stage: StageRun(bundle.fingerprints[stage], artifact_key(stage, bundle.fingerprints[stage], place), 0.1)
            for stage in STAGES
        },
    }  # fmt: skip
    store.replace(record_key(place), encode(msgspec.convert(msgspec.to_builtins(required), Record)))


def admitted(api: Served, store: ArtifactStore, text: str = TEXT, **more: str) -> Place:
    place = place_of_id(store, api.post({"text": text, **more}).json()["id"])
    assert place is not None
    return place


def test_the_status_follows_a_document_on_its_way(api: Served, store: ArtifactStore, bundle: Bundle) -> None:
    place = admitted(api, store, title="Міст")

    def status() -> Any:
        return api.client.get(f"/v1/transcripts/{place.id}").json()

    assert (status()["status"], status()["record"], status()["title"]) == ("waiting", None, "Міст")
    say(store, bundle, place, "parse")
    assert (status()["status"], status()["stages"]["parse"]) == ("processing", "present")
    Quarantine(store).put("topics", Failure(place, "ValueError", "could not", "Traceback: the inside"))
    now = status()
    assert (now["status"], now["stages"]["topics"]) == ("quarantined", "quarantined")
    assert now["quarantine"][0]["reason"] == "ValueError" and "inside" not in str(now)
    Quarantine(store).drop([place])
    record(store, bundle, place)
    now = status()
    assert (now["status"], now["is_current"], now["record"]["id"]) == ("recorded", True, place.id)
    assert set(now["stages"].values()) == {"present"}


def test_other_senders_of_the_same_text_are_told(api: Served) -> None:
    first = api.post({"text": TEXT, "source": "перше радіо"}).json()
    again = api.post({"text": TEXT, "source": "друге радіо", "url": "https://example.org/2"}).json()
    assert (again["id"], again["verdict"]) == (first["id"], "duplicate")
    (seen,) = api.client.get(first["status_url"]).json()["sightings"]
    assert (seen["url"], seen["similarity"]) == ("https://example.org/2", 1.0)


def test_a_document_whose_language_has_no_bundle_says_so(api: Served) -> None:
    taken = api.post({"text": "Good evening, this is the evening news from our studio.", "language": "en"}).json()
    assert taken["verdict"] == "unsupported-language"
    assert api.client.get(taken["status_url"]).json()["status"] == "unsupported-language"
    listed = api.client.get("/v1/transcripts", params={"status": "unsupported-language"}).json()
    assert [each["id"] for each in listed["items"]] == [taken["id"]]
    answer = api.client.get(f"{taken['status_url']}/artifacts/parse")
    assert (answer.status_code, answer.json()["reason"]) == (404, "no-artifact")


def test_artifacts_are_served_as_they_lie(api: Served, store: ArtifactStore, bundle: Bundle) -> None:
    place = admitted(api, store)
    url = f"/v1/transcripts/{place.id}/artifacts"
    assert api.client.get(f"{url}/topics").json()["reason"] == "no-artifact"
    record(store, bundle, place)
    topics = api.client.get(f"{url}/topics")
    assert topics.json()["stage"] == "topics" and topics.headers["ETag"] == f'"{bundle.fingerprints["topics"]}"'
    conllu = api.client.get(f"{url}/parse", params={"format": "conllu"})
    assert conllu.text.startswith("# newdoc") and conllu.headers["Content-Type"].startswith("text/plain")
    assert api.client.get(f"{url}/topics", params={"format": "conllu"}).status_code == 422
    assert api.client.get(f"{url}/topics", params={"fingerprint": "0123456789ab"}).status_code == 404
    assert api.client.get(f"{url}/weather").status_code == 422


class TestListing:
    @pytest.fixture
    def places(self, api: Served, store: ArtifactStore, bundle: Bundle) -> list[Place]:
        batch = [
            {"text": f"{TEXT} Номер {number}.", "source": f"source-{number % 3}", "date": f"2026-01-0{1 + number % 4}"}
            for number in range(24)
        ]
        ids = [each["id"] for each in api.post(batch).json()["results"]]
        places = [place for name in ids if (place := place_of_id(store, name)) is not None]
        for place in places[:5]:
            record(store, bundle, place)
        for place in places[5:8]:
            say(store, bundle, place, "parse")
            Quarantine(store).put("topics", Failure(place, "ValueError", "could not", ""))
        say(store, bundle, places[8], "parse")
        return places

    def pages(self, api: Served, **params: Any) -> list[str]:
        found: list[str] = []
        cursor: str | None = None
        while True:
            page = api.client.get("/v1/transcripts", params=params | ({"cursor": cursor} if cursor else {})).json()
            found += [each["id"] for each in page["items"]]
            cursor = page["next"]
            if cursor is None:
                return found

    def test_all_pages_together_are_everything_once_in_order(self, api: Served, places: list[Place]) -> None:
        expected = [place.id for place in sorted(places)]
        for limit in (1, 5, 24, 200):
            assert self.pages(api, limit=limit) == expected

    def test_bounds_choose(self, api: Served, places: list[Place]) -> None:
        bounds: list[tuple[dict[str, str], Iterable[int]]] = [
            ({"status": "recorded"}, range(5)),
            ({"status": "quarantined"}, range(5, 8)),
            ({"status": "processing"}, [8]),
            ({"status": "waiting"}, range(9, 24)),
            ({"stage": "topics", "status": "missing"}, range(8, 24)),
            ({"stage": "topics", "status": "quarantined"}, range(5, 8)),
            ({"stage": "parse", "status": "present"}, range(9)),
            ({"source": "source-1"}, range(1, 24, 3)),
            ({"from": "2026-01-02", "to": "2026-01-02"}, range(1, 24, 4)),
            ({"from": "2026-01-04", "source": "source-0"}, range(3, 24, 12)),
            ({"source": "nobody"}, []),
            ({"from": "2027-01-01"}, []),
        ]
        for params, chosen in bounds:
            expected = [place.id for place in sorted(places[number] for number in chosen)]
            assert self.pages(api, limit=3, **params) == expected, params

    def test_one_request_looks_at_a_bounded_part_and_says_where_to_go_on(
        self, api: Served, store: ArtifactStore, bundle: Bundle, places: list[Place]
    ) -> None:
        from services.catalogue import Catalogue, Wanted

        catalogue = Catalogue(store, {"uk": bundle}, most_documents=2, most_folders=3)
        found: list[str] = []
        cursor: str | None = None
        requests = 0
        while True:
            asked: list[str] = []
            store.observer = lambda operation, asked=asked: asked.append(operation.name)
            page = catalogue.page(Wanted(status="processing"), cursor, 10)
            requests += 1
            assert len(asked) < 60
            found += [each.id for each in page.items]
            cursor = page.next
            if cursor is None:
                break
        assert found == [places[8].id] and requests >= 12

    def test_documents_that_arrive_meanwhile_neither_hide_nor_double_others(
        self, api: Served, store: ArtifactStore, places: list[Place]
    ) -> None:
        found: list[str] = []
        cursor: str | None = None
        number = 100
        while True:
            page = api.client.get(
                "/v1/transcripts", params={"limit": 2} | ({"cursor": cursor} if cursor else {})
            ).json()
            found += [each["id"] for each in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
            for day in ("2026-01-01", "2026-01-03"):
                number += 1
                api.post({"text": f"{TEXT} Номер {number}.", "source": "source-1", "date": day})
        assert len(found) == len(set(found)) and set(found) >= {place.id for place in places}

    def test_a_cursor_is_checked(self, api: Served, places: list[Place]) -> None:
        cursor = api.client.get("/v1/transcripts", params={"limit": 1}).json()["next"]
        for params in ({"cursor": "nonsense"}, {"cursor": "Li4vLi4v"}, {"cursor": cursor, "source": "source-1"}):
            answer = api.client.get("/v1/transcripts", params=params)
            assert (answer.status_code, answer.json()["reason"]) == (422, "bad-cursor")
        assert api.client.get("/v1/transcripts", params={"status": "missing"}).status_code == 422
        assert api.client.get("/v1/transcripts", params={"colour": "red"}).status_code == 422


def test_what_was_taken_down_is_gone_and_stays_gone(api: Served, store: ArtifactStore, bundle: Bundle) -> None:
    article = {"url": "https://example.org/1", "source": "Приклад"}
    before = admitted(api, store, "Перша версія новини.", **article)
    place = admitted(api, store, "Друга версія новини.", **article)
    record(store, bundle, place)
    url = f"/v1/transcripts/{place.id}"
    answer = api.client.delete(url)
    assert (answer.status_code, answer.json()["status"], answer.json()["predecessor"]) == (200, "removed", before.id)
    assert api.client.delete(url).json() == answer.json()
    for path in (url, f"{url}/artifacts/parse"):
        assert (api.client.get(path).status_code, api.client.get(path).json()["reason"]) == (410, "removed")
    assert [key for key in store.list("") if place.id in key] == [f"removals/{place.id}.json"]
    for text in ("Друга версія новини.", "Третя версія новини."):
        answer = api.post({"text": text, **article})
        assert (answer.status_code, answer.json()["reason"]) == (410, "removed")
    assert api.client.get(f"/v1/transcripts/{before.id}").status_code == 200
    assert api.client.delete("/v1/transcripts/0123456789abcdef-01234567").status_code == 404
