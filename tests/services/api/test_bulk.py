"""POST /v1/transcripts:bulk: a result for every line, whatever the others are, in bounded memory."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from fastapi import Request

from pipeline.identity import place_of_id
from pipeline.store import ArtifactStore
from services import broker
from services.admission import Admission
from services.api.body import pieces
from services.pressure import Busy
from services.queues import Queues
from services.settings import Settings
from tests.services.api.conftest import TEXT, Serve, Served, key

_NDJSON = {"Content-Type": "application/x-ndjson"}


def line(number: int, text: str = TEXT) -> bytes:
    return json.dumps({"text": f"{text} Номер {number}."}, ensure_ascii=False).encode() + b"\n"


def send(api: Served, body: Any, **headers: str) -> list[dict[str, Any]]:
    answer = api.client.post("/v1/transcripts:bulk", content=body, headers={**_NDJSON, **headers})
    assert answer.status_code == 200
    return [json.loads(each) for each in answer.text.splitlines()]


def test_every_line_has_its_result_in_order_and_a_bad_one_harms_nobody(api: Served, store: ArtifactStore) -> None:
    body = line(1) + b"\n" + b'{"text": 5}\n' + b"nonsense\r\n" + line(5) + b'{"text": "6"}\n' + line(1)[:-1]
    results = send(api, body)
    assert [each["line"] for each in results] == [1, 3, 4, 5, 6, 7]
    told = [each.get("verdict") or each["error"]["reason"] for each in results]
    assert told == ["admitted", "not-a-transcript", "unreadable", "admitted", "empty", "known"]
    assert place_of_id(store, results[3]["id"]) is not None
    assert set(results[1]["error"]) == {"type", "title", "status", "detail", "reason"}


def test_a_line_that_is_too_long_is_told_so_and_not_kept(serve: Serve) -> None:
    api = serve(max_document_bytes=2000)

    def body() -> Iterator[bytes]:
        yield line(1)
        yield b'{"text": "'
        for _ in range(500):
            yield b"a" * 10_000
        yield b'"}\n' + line(3)

    results = send(api, body())
    assert [each.get("verdict") or each["error"]["reason"] for each in results] == ["admitted", "too-large", "admitted"]


def test_an_empty_stream_has_no_results_and_other_content_is_refused(api: Served) -> None:
    assert send(api, b"") == [] and send(api, b"\n\n") == []
    answer = api.client.post("/v1/transcripts:bulk", content=b"a", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["reason"]) == (415, "unsupported-media-type")


def test_gzip_is_unpacked_and_what_comes_after_a_break_is_told(api: Served) -> None:
    packed = gzip.compress(b"".join(line(number) for number in range(300)))
    assert len(send(api, packed, **{"Content-Encoding": "gzip"})) == 300
    *whole, last = send(api, packed[:-20], **{"Content-Encoding": "gzip"})
    assert {each["verdict"] for each in whole} == {"known"}
    assert (last["line"], last["error"]["reason"]) == (len(whole) + 1, "bad-encoding")


def test_a_bomb_ends_the_stream_and_what_came_before_it_is_taken(api: Served) -> None:
    packed = gzip.compress(line(1) + b" " * 10_000_000 + b"\n" + line(3))
    first, last = send(api, packed, **{"Content-Encoding": "gzip"})
    assert first["verdict"] == "admitted"
    assert (last["error"]["status"], last["error"]["reason"]) == (413, "decompression-bomb")


def test_others_have_their_turn_while_a_body_is_unpacked() -> None:
    packed = gzip.compress(bytes(3_000_000))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": packed, "more_body": False}

    async def run() -> tuple[int, int]:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        request = Request({"type": "http", "headers": [(b"content-encoding", b"gzip")]}, receive)
        count = len([piece async for piece in pieces(request, Settings(), 10_000_000)])
        task.cancel()
        return count, turns

    count, turns = asyncio.run(run())
    assert count > 40 and turns >= count


def test_more_lines_than_allowed_end_the_stream_with_a_word(serve: Serve) -> None:
    *taken, last = send(serve(api_bulk_lines=300), b"".join(line(number) for number in range(400)))
    assert len(taken) == 300 and (last["line"], last["error"]["reason"]) == (301, "too-many")


def test_when_too_much_waits_in_mid_stream_the_lines_that_are_left_are_named(
    serve: Serve, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    admitted = 0
    admit_all = Admission.admit_all

    def fills_up(self: Admission, transcripts: Any, *rest: Any) -> Any:
        nonlocal admitted
        if admitted >= 512:
            raise Busy(1000, 500, 7.0)
        admitted += len(transcripts)
        return admit_all(self, transcripts, *rest)

    monkeypatch.setattr(Admission, "admit_all", fills_up)
    results = send(serve(), b"".join(line(number) for number in range(1000)))
    assert [each["line"] for each in results] == list(range(1, 1001))
    assert all("id" in each for each in results[:512])
    assert {each["error"]["reason"] for each in results[512:]} == {"busy"}
    assert results[-1]["error"]["retry_after"] == 7
    assert Queues(broker.create_app(settings), broker.connect(settings)).documents() == 512


def test_when_nothing_can_be_taken_in_at_all_the_whole_answer_says_so(serve: Serve, store: ArtifactStore) -> None:
    api = serve(high_water=1, low_water=1)
    api.post([{"text": f"{TEXT} {number}"} for number in range(5)])
    while (answer := api.client.post("/v1/transcripts:bulk", content=line(1), headers=_NDJSON)).status_code == 200:
        pass
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "10")
    away = serve(store_endpoint="http://127.0.0.1:9", store_timeout=0.5, api_open="auto")
    assert away.client.post("/v1/transcripts:bulk", content=line(1), headers=_NDJSON).status_code == 503


def test_a_key_that_has_sent_its_share_is_told_so_in_mid_stream(api: Served, store: ArtifactStore) -> None:
    headers = key(store, documents_per_minute=300)
    results = send(api, b"".join(line(number) for number in range(600)), **headers)
    assert ["id" in each for each in results] == [True] * 256 + [False] * 344
    assert {each["error"]["reason"] for each in results[256:]} == {"rate-limited"}


def test_results_come_while_the_sender_still_sends(api: Served) -> None:
    with socket.create_connection(("127.0.0.1", api.port), timeout=10) as connection:
        head = "POST /v1/transcripts:bulk HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-ndjson\r\n"
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        first = b"".join(line(number) for number in range(256))
        connection.sendall(f"{len(first):x}\r\n".encode() + first + b"\r\n")
        told = b""
        while b'"line":256' not in told:
            told += connection.recv(65536)
        last = line(256)
        connection.sendall(f"{len(last):x}\r\n".encode() + last + b"\r\n0\r\n\r\n")
        while b'"line":257' not in told:
            told += connection.recv(65536)


def test_what_a_sender_was_told_before_it_broke_off_is_there(api: Served, store: ArtifactStore) -> None:
    with socket.create_connection(("127.0.0.1", api.port), timeout=10) as connection:
        head = "POST /v1/transcripts:bulk HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-ndjson\r\n"
        connection.sendall(f"{head}Content-Length: 1000000\r\n\r\n".encode())
        connection.sendall(b"".join(line(number) for number in range(300)))
        told = b""
        while b'"line":256' not in told:
            told += connection.recv(65536)
    results = [json.loads(each) for each in told.splitlines() if each.startswith(b'{"line"')]
    assert len(results) == 256
    assert all(place_of_id(store, each["id"]) is not None for each in results[::50])
    assert api.client.get("/healthz").status_code == 200


def test_ten_thousand_lines_from_a_sender_that_reads_last_take_little_memory(api: Served) -> None:
    process = psutil.Process(os.getpid())
    # Refused lines, whose results are longer than they are: what would pile up is the results.
    body = b'{"text": "1"}\n' * 10_000
    send(api, body[: 14 * 600])
    before, most, is_done = process.memory_info().rss, 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not is_done.wait(0.02):
            most = max(most, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=60)
    connection.request("POST", "/v1/transcripts:bulk", body, _NDJSON)
    answer = connection.getresponse()
    count = sum(1 for _ in answer)
    is_done.set()
    watcher.join()
    assert count == 10_000
    assert most - before < 40_000_000
