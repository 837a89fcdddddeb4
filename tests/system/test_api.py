"""The HTTP door, served as `efir api` serves it, over a real broker and store."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.store import ArtifactStore, document_key, id_key
from pipeline.transcript import Place
from services import broker
from services.embedded import _as_environment
from services.queues import Queues, depths
from services.settings import Settings
from tests.system.conftest import EFIR
from tests.system.rig import until


class Api:
    def __init__(self, settings: Settings, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}/documents"
        self.process = subprocess.Popen(
            [EFIR, "api", "--port", str(port)], env={**os.environ, **_as_environment(settings)}, stderr=subprocess.PIPE
        )
        until(lambda: self.post(b"{}")[0] == 422, 60, "the API")

    def post(self, data: bytes) -> tuple[int, Any, str | None]:
        """Status, body, Retry-After."""
        try:
            with urllib.request.urlopen(urllib.request.Request(self.address, data), timeout=30) as answer:
                return answer.status, json.load(answer), answer.headers["Retry-After"]
        except urllib.error.HTTPError as error:
            return error.code, json.load(error), error.headers["Retry-After"]
        except urllib.error.URLError:
            return 0, None, None


@pytest.fixture
def api(settings: Settings, store: ArtifactStore, unused_port: int) -> Iterator[Api]:
    broker.connect(settings).flushdb()
    marks = {"high_water": 3, "low_water": 2, "max_document_bytes": 2000, "store_bucket": store._bucket}
    api = Api(settings.model_copy(update=marks), unused_port)
    yield api
    api.process.terminate()
    api.process.wait(30)


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_documents_are_taken_in_or_refused_with_a_reason(api: Api, settings: Settings, store: ArtifactStore) -> None:
    status, body, _ = api.post('{"text": "Добрий день, Україно."}'.encode())
    assert status == 202
    assert store.exists(document_key(Place.parse(store.get(id_key(body["id"])).decode())))
    assert depths(broker.connect(settings))["parse.live"] == 1
    status, body, _ = api.post(b'{"text": "Good evening to everyone."}')
    assert (status, body["reason"]) == (422, "unsupported-language")
    assert api.post(b"\x00")[0] == 422
    status, body, _ = api.post(("а" * 2000).encode())
    assert (status, body["reason"]) == (413, "too-large")


def test_too_much_waiting_is_429_with_retry_after(api: Api, settings: Settings) -> None:
    client = broker.connect(settings)
    queues = Queues(broker.create_app(settings), client)
    statuses = [api.post(f'{{"text": "Добрий день номер {number}."}}'.encode())[0] for number in range(300)]
    assert set(statuses) == {202, 429}
    assert queues.documents() == statuses.count(202)
    status, body, retry_after = api.post('{"text": "Ще один день."}'.encode())
    assert (status, body["reason"], retry_after) == (429, "busy", "10")
    client.delete("parse.live")
    until(lambda: api.post('{"text": "Ще один день."}'.encode())[0] == 202, 10, "the door opening")
