"""A whole embedded installation, as `efir up` runs it, shared by the system tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from redis import Redis

from pipeline.store import ArtifactStore
from services import broker
from services.embedded import Embedded
from services.object_store import connect_store
from services.settings import Settings

EFIR = str(Path(sys.executable).parent / "efir")
# Short, so that what a dead worker held comes back within a test.
VISIBILITY_SECONDS = 5


def efir(
    *arguments: str | Path, state: Path, timeout: float = 120, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the console script as a user does."""
    return subprocess.run(
        [EFIR, *map(str, arguments), "--state", str(state)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, **environment},
    )


@dataclass
class Running:
    state: Path
    process: subprocess.Popen[str]
    settings: Settings

    @property
    def redis(self) -> Redis:
        return broker.connect(self.settings)

    @property
    def store(self) -> ArtifactStore:
        return connect_store(self.settings)

    def worker(self) -> psutil.Process:
        """The worker's main process."""
        found = [child for child in psutil.Process(self.process.pid).children() if "services.worker" in child.cmdline()]
        assert len(found) == 1
        return found[0]

    def efir(self, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        return efir(*arguments, state=self.state, **options)

    def status(self) -> Any:
        return json.loads(self.efir("status", "--json").stdout)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    state = tmp_path_factory.mktemp("up") / "state"
    process = subprocess.Popen(
        [EFIR, "up", "--state", str(state)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "EFIR_VISIBILITY_TIMEOUT": str(VISIBILITY_SECONDS), "EFIR_CONCURRENCY": "2"},
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("ready"):
            break
    assert process.poll() is None, "".join(said)
    with Embedded(Settings(state=state)) as attached:
        yield Running(state, process, attached.settings)
    process.send_signal(signal.SIGINT)
    assert process.wait(180) == 0
