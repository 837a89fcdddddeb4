"""A document that kills every worker that touches it, or never lets go of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.models.bundle import installed
from pipeline.store import record_key
from pipeline.transcript import Transcript
from services import broker
from services.admission import Admission
from services.embedded import Embedded, _as_environment
from services.object_store import connect_store
from services.quarantine import Quarantine
from services.queues import depths
from services.settings import Settings
from tests.system.rig import until


@pytest.mark.parametrize("word", ["отрута", "трясовина"])
def test_it_ends_in_quarantine_and_takes_nobody_with_it(tmp_path: Path, word: str) -> None:
    limits = {"stage_seconds": 3.0, "visibility_timeout": 5.0}
    with Embedded(Settings(state=tmp_path / "state", concurrency=1, **limits)) as embedded:
        settings, store = embedded.settings, connect_store(embedded.settings)
        admission = Admission(settings, store, broker.create_app(settings), installed(settings.bundles))
        texts = ["Перший добрий документ.", f"Це {word} для парсера.", "Другий добрий документ."]
        first, poison, second = [admission.admit(Transcript(text=text)) for text in texts]
        admission.enqueue([first, poison, second])  # one message
        log = (tmp_path / "worker.log").open("w")
        worker = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "poison_worker.py")],
            env={**os.environ, **_as_environment(settings), "PYTHONPATH": str(Path(__file__).parents[2])},
            stderr=log,
            stdout=subprocess.DEVNULL,
        )
        try:
            quarantine = Quarantine(store)
            entry = until(lambda: quarantine.find(poison.place), 180, "the quarantine")
            assert entry.stage == "parse"
            assert entry.deliveries == settings.max_deliveries
            assert "its worker was lost 3 times" in entry.error
            assert (entry.kind, entry.reason) == ("fatal", "worker-lost")
            for good in (first, second):
                until(lambda good=good: store.exists(record_key(good.place)), 60, "the record")
                assert quarantine.find(good.place) is None
            client = broker.connect(settings)
            until(lambda: client.hlen("unacked") == 0, 60, "the last acknowledgement")
            assert sum(depths(client).values()) == 0
            assert not store.exists(record_key(poison.place))
            assert list(client.scan_iter(match="efir:deliveries:*")) == []
        finally:
            worker.terminate()
            assert worker.wait(180) == 0
