"""`efir api`, `efir keys` and `efir rm` as an operator runs them: this machine alone, then keys, then a takedown."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from pipeline.store import ArtifactStore
from services import broker
from services.embedded import _as_environment
from services.settings import Settings
from tests.system.conftest import EFIR
from tests.system.rig import until

TEXT = "Добрий день, Україно. У Полтаві відкрили новий міст."


class Installed:
    """The console script over the session's servers and a bucket of the test's own."""

    def __init__(self, settings: Settings, port: int) -> None:
        self.environment = {**os.environ, **_as_environment(settings), "EFIR_API_KEY_SECONDS": "0.5"}
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [EFIR, "api", "--port", str(port)], env=self.environment, stderr=subprocess.PIPE, text=True
        )
        until(lambda: self.get("/healthz") == 200, 60, "the API")

    def efir(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [EFIR, *arguments], env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )

    def get(self, path: str, token: str | None = None) -> int:
        try:
            return httpx.get(self.url + path, headers=bearer(token), timeout=30).status_code
        except httpx.TransportError:
            return 0


def bearer(token: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


@pytest.fixture
def installed(settings: Settings, store: ArtifactStore) -> Iterator[Installed]:
    broker.connect(settings).flushdb()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    installed = Installed(settings.model_copy(update={"store_bucket": store._bucket}), port)
    yield installed
    if installed.process.poll() is None:
        installed.process.kill()
        installed.process.wait(30)


def test_from_the_first_curl_to_keys_and_a_takedown(installed: Installed, store: ArtifactStore) -> None:
    taken: Any = httpx.post(f"{installed.url}/v1/transcripts", json={"text": TEXT}, timeout=30).json()
    assert taken["verdict"] == "admitted"
    status = taken["status_url"]

    refused = installed.efir("api", "--host", "0.0.0.0", "--port", "1")
    assert refused.returncode == 2 and "efir keys add" in refused.stderr

    made = installed.efir("keys", "add", "reader", "--scope", "read")
    token = made.stdout.strip()
    assert made.returncode == 0 and token.startswith("efir_")
    until(lambda: installed.get(status) == 401, 60, "the door closing")
    assert installed.get(status, token) == 200
    removed = installed.efir("rm", taken["id"], "--yes")
    assert removed.returncode == 0 and taken["id"] in removed.stdout
    assert installed.get(status, token) == 410
    assert list(store.list("documents/")) == []

    installed.process.send_signal(signal.SIGTERM)
    assert installed.process.stderr is not None
    log = installed.process.stderr.read()
    installed.process.wait(30)
    assert "Traceback" not in log
    requests = [json.loads(line) for line in log.splitlines() if '"event": "request"' in line]
    assert {line["caller"] for line in requests} >= {"loopback", token.split("_")[1]}
    assert token.split("_", 2)[2] not in log and TEXT not in log
