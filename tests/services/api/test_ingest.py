"""POST /v1/transcripts: what enters, what does not, and what the sender is told."""

from __future__ import annotations

import gzip
import json
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, ClassVar

import httpx
import pytest

from pipeline.identity import place_of_id
from pipeline.store import ArtifactStore, document_key
from services import broker
from services.queues import Queues, depths
from services.settings import Settings
from tests.services.api.conftest import TEXT, Serve, Served
from tests.services.counted import rejections


def test_a_transcript_that_was_answered_202_is_stored_and_enqueued(
    api: Served, store: ArtifactStore, settings: Settings
) -> None:
    answer = api.post({"text": TEXT, "title": "Міст"})
    body = answer.json()
    assert (answer.status_code, body["verdict"]) == (202, "admitted")
    place = place_of_id(store, body["id"])
    assert place is not None and store.exists(document_key(place))
    assert depths(broker.connect(settings))["parse.live"] == 1
    assert api.client.get(body["status_url"]).json()["status"] == "waiting"
    assert api.post({"text": TEXT, "title": "Міст"}).json()["verdict"] == "known"


def test_a_batch_is_answered_with_a_result_for_each_in_order(api: Served) -> None:
    answer = api.post([{"text": TEXT}, {"text": "123"}, {"title": "без тексту"}, {"text": "Вечірні новини Черкас."}])
    results = answer.json()["results"]
    assert answer.status_code == 202
    assert [each.get("verdict") or each["error"]["reason"] for each in results] == [
        "admitted",
        "empty",
        "not-a-transcript",
        "admitted",
    ]


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"{", 422, "unreadable"),
        (b"[{]", 422, "unreadable"),
        (b"[]", 422, "empty"),
        (b"\x00\x01\x02\x03", 422, "binary"),
        (b'{"text": ""}', 422, "empty"),
        (json.dumps([{"text": TEXT}] * 4).encode(), 413, "too-many"),
        (('{"text": "' + "а" * 1500 + '"}').encode(), 413, "too-large"),
    ],
)
def test_what_may_not_enter_is_a_problem_with_a_reason(serve: Serve, body: bytes, status: int, reason: str) -> None:
    api = serve(api_batch=3, max_document_bytes=2000)
    answer = api.client.post("/v1/transcripts", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert set(answer.json()) >= {"type", "title", "status", "detail", "reason", "instance"}


def test_what_no_reader_could_read_is_counted(api: Served, settings: Settings) -> None:
    before = rejections(settings)
    api.post([{"text": TEXT}, {"text": "123"}, {"title": "без тексту"}])
    for body in (b"[{]", b"\x00\x01\x02\x03", b"[]"):
        api.client.post("/v1/transcripts", content=body, headers={"Content-Type": "application/json"})
    lines = {"Content-Type": "application/x-ndjson"}
    api.client.post("/v1/transcripts:bulk", content=b'nonsense\n{"text": "1"}\n', headers=lines)
    assert rejections(settings) - before == {
        ("json", "empty"): 2,
        ("unknown", "not-a-transcript"): 1,
        ("unknown", "unreadable"): 2,
        ("unknown", "binary"): 1,
        ("unknown", "empty"): 1,
    }


def test_a_file_is_read_by_its_media_type_and_what_it_does_not_say_is_told_beside_it(
    api: Served, store: ArtifactStore
) -> None:
    facts = {"source": "Радіо Приклад", "title": "Випуск", "date": "2026-01-02"}
    answer = api.client.post(
        "/v1/transcripts", content=TEXT.encode(), params=facts, headers={"Content-Type": "text/plain; charset=utf-8"}
    )
    status = api.client.get(answer.json()["status_url"]).json()
    assert (status["title"], status["day"]) == ("Випуск", "2026-01-02")
    answer = api.client.post("/v1/transcripts", content=b"\x00\x01", headers={"Content-Type": "image/png"})
    assert (answer.status_code, answer.json()["reason"]) == (422, "unknown-format")


def test_a_gzipped_body_is_unpacked_and_a_bomb_is_too_large(serve: Serve) -> None:
    api = serve(api_body_bytes=100_000)
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    packed = gzip.compress(json.dumps({"text": TEXT}).encode())
    assert api.client.post("/v1/transcripts", content=packed, headers=headers).status_code == 202
    bomb = gzip.compress(b" " * 50_000_000)
    answer = api.client.post("/v1/transcripts", content=bomb, headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (413, "too-large")
    answer = serve().client.post("/v1/transcripts", content=gzip.compress(b" " * 10_000_000), headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (413, "decompression-bomb")
    answer = api.client.post("/v1/transcripts", content=packed[:-12], headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (400, "bad-encoding")
    answer = api.client.post("/v1/transcripts", content=packed, headers=headers | {"Content-Encoding": "br"})
    assert (answer.status_code, answer.headers["Accept-Encoding"]) == (415, "gzip, identity")


def test_a_packed_file_unpacks_within_the_ratio_that_is_set(serve: Serve) -> None:
    line = json.dumps({"text": TEXT}).encode() + b"\n"
    blanks = os.urandom(5_000_000).translate(bytes(b" \t"[each % 2] for each in range(256)))
    packed = gzip.compress(line + blanks, 1)
    headers = {"Content-Type": "application/x-ndjson"}
    told = [
        serve(max_compression=most).client.post("/v1/transcripts", content=packed, headers=headers).json()
        for most in (200, 3)
    ]
    assert told[0]["verdict"] == "admitted"
    assert told[1]["results"][-1]["error"]["reason"] == "decompression-bomb"


def test_a_body_is_refused_at_its_bound_and_not_read_to_its_end(serve: Serve) -> None:
    api = serve(api_body_bytes=100_000)
    sent = 0

    def endless() -> Any:
        nonlocal sent
        while True:
            sent += 10_000
            yield b" " * 10_000

    answer: httpx.Response | None = None
    with suppress(httpx.TransportError):  # a client that has more to write may notice only that nobody reads
        answer = api.client.post("/v1/transcripts", content=endless())
    assert sent < 30_000_000  # what is read to let the sender finish, and what lies in sockets
    with socket.create_connection(("127.0.0.1", api.port)) as connection:
        connection.sendall(b"POST /v1/transcripts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900000000\r\n\r\n{")
        assert connection.recv(100).startswith(b"HTTP/1.1 413")
    assert answer is None or answer.status_code == 413


def test_a_sender_that_is_too_slow_is_told_so(serve: Serve) -> None:
    api = serve(api_body_seconds=0.3)
    with socket.create_connection(("127.0.0.1", api.port)) as connection:
        connection.sendall(b"POST /v1/transcripts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n")
        for _ in range(4):
            connection.sendall(b" ")
            time.sleep(0.15)
        assert connection.recv(100).startswith(b"HTTP/1.1 408")


def test_above_the_high_water_mark_the_answer_is_429_with_retry_after(serve: Serve, settings: Settings) -> None:
    api = serve(high_water=3, low_water=2)
    client = broker.connect(settings)
    deadline = time.monotonic() + 20
    taken = 0
    while (answer := api.post({"text": f"{TEXT} Номер {taken}."})).status_code == 202:
        taken += 1
        assert time.monotonic() < deadline
    assert (answer.status_code, answer.json()["reason"], answer.headers["Retry-After"]) == (429, "busy", "10")
    assert Queues(broker.create_app(settings), client).documents() == taken
    assert api.client.get("/readyz").json()["intake"] == "busy"
    client.delete("parse.live")
    while api.post({"text": TEXT}).status_code != 202:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_store_that_is_away_is_503_and_says_nothing_of_where_it_is(serve: Serve) -> None:
    api = serve(store_endpoint="http://127.0.0.1:9", store_timeout=0.5)
    answer = api.post({"text": TEXT})
    assert (answer.status_code, answer.json()["reason"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0 and "127.0.0.1" not in answer.text
    assert api.client.get("/readyz").json()["store"] == "away"
    assert api.client.get("/healthz").status_code == 200


class TestIdempotency:
    HEADERS: ClassVar = {"Idempotency-Key": "one"}

    def test_the_same_request_gets_the_same_answer(self, api: Served) -> None:
        first = api.post({"text": TEXT}, headers=self.HEADERS)
        again = api.post({"text": TEXT}, headers=self.HEADERS)
        assert first.json() == again.json() and first.json()["verdict"] == "admitted"
        assert again.headers["Idempotency-Replayed"] == "true"
        assert api.post({"text": TEXT}).json()["verdict"] == "known"

    def test_another_request_under_the_same_key_is_refused(self, api: Served) -> None:
        api.post({"text": TEXT}, headers=self.HEADERS)
        answer = api.post({"text": "Щось інше."}, headers=self.HEADERS)
        assert (answer.status_code, answer.json()["reason"]) == (422, "another-request")

    def test_a_request_that_failed_may_be_made_again(self, serve: Serve) -> None:
        api = serve(max_document_bytes=100)
        assert api.post({"text": "а" * 200}, headers=self.HEADERS).status_code == 413
        assert api.post({"text": "Добрий день."}, headers=self.HEADERS).status_code == 202

    def test_of_several_at_once_one_is_done_and_the_others_are_told(self, api: Served) -> None:
        def post(_: int) -> tuple[int, Any]:
            answer = httpx.post(f"{api.url}/v1/transcripts", json={"text": TEXT}, headers=self.HEADERS, timeout=30)
            return answer.status_code, answer.json().get("verdict") or answer.json()["reason"]

        with ThreadPoolExecutor(8) as pool:
            answers = set(pool.map(post, range(16)))
        assert (202, "admitted") in answers
        assert answers <= {(202, "admitted"), (409, "in-flight")}


def test_subtitles_and_lines_are_read_and_a_file_with_several_is_answered_with_a_list(api: Served) -> None:
    subtitles = "1\n00:00:01,000 --> 00:00:04,000\nДобрий вечір, шановні глядачі.\n".encode()
    headers = {"Content-Type": "application/x-subrip"}
    answer = api.client.post("/v1/transcripts", content=subtitles, headers=headers, params={"title": "Вечір"})
    assert answer.status_code == 202
    assert api.client.get(answer.json()["status_url"]).json()["title"] == "Вечір"
    lines = b"\n".join(json.dumps({"text": f"{TEXT} Номер {number}."}).encode() for number in range(3))
    answer = api.client.post("/v1/transcripts", content=lines, headers={"Content-Type": "application/jsonl"})
    assert [each["verdict"] for each in answer.json()["results"]] == ["admitted"] * 3
