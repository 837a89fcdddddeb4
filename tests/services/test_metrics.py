"""Metrics of several processes, added up by their parent."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from services import metrics_folder

CHILDREN = """
import os, sys, urllib.error, urllib.request
from pathlib import Path
os.environ["PROMETHEUS_MULTIPROC_DIR"] = sys.argv[1]
from billiard import Process
from redis import Redis
from services import metrics
from services.liveness import Liveness
from services.queues import Queues

def work():
    metrics.documents.labels("parse", "live", "done").inc(2)

for round in range(3):
    children = [Process(target=work) for _ in range(2)]
    for index, child in enumerate(children):
        child.index = index
        child.start()
    for child in children:
        child.join()
liveness = Liveness(float(sys.argv[2]))
address = metrics.serve("127.0.0.1", 0, Queues(None, Redis(port=9)), liveness)
print(urllib.request.urlopen(address).read().decode())
try:
    health = urllib.request.urlopen(address.replace("/metrics", "/healthz"))
except urllib.error.HTTPError as error:
    health = error
print("HEALTH", health.status, health.read().decode())
print("FILES", len(list(Path(sys.argv[1]).glob("counter_*.db"))))
"""


def run_children(folder: Path, progress_seconds: float = 60) -> str:
    """Three rounds of two children, then one scrape, in a process of their own."""
    done = subprocess.run(
        [sys.executable, "-c", CHILDREN, str(folder), str(progress_seconds)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_restarted_children_go_on_counting_in_the_files_of_their_slots(tmp_path: Path) -> None:
    said = run_children(tmp_path)
    assert 'efir_documents_total{lane="live",outcome="done",stage="parse"} 12.0' in said
    # One for each slot, however many children there were.
    assert "FILES 2" in said


def test_a_scrape_without_a_broker_still_answers(tmp_path: Path) -> None:
    said = run_children(tmp_path)
    assert "efir_queue_messages" not in said
    assert "efir_documents_total" in said


def test_health_is_progress(tmp_path: Path) -> None:
    well = run_children(tmp_path)
    assert "HEALTH 200" in well
    assert "efir_worker_healthy 1.0" in well
    stalled = run_children(tmp_path, progress_seconds=-1)
    assert "HEALTH 503" in stalled and "without progress" in stalled
    assert "efir_worker_healthy 0.0" in stalled


def test_folders_of_killed_workers_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    killed = tmp_path / "efir-metrics-999999999-x"
    alive = tmp_path / f"efir-metrics-{os.getppid()}-x"
    killed.mkdir()
    alive.mkdir()
    mine = metrics_folder.prepare()
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR")
    assert sorted(tmp_path.iterdir()) == sorted([alive, mine])
