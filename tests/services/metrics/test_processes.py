"""Metrics of several processes, added up by their parent."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from services import metrics_folder

CHILDREN = """
import sys, urllib.error, urllib.request
from pathlib import Path
from billiard import Process
from services import metrics  # first, as `efir worker` has it
from services.intake import Intake
from services.liveness import Liveness
from services.metrics.exposition import registry, serve
from services.metrics.forms import share
from services.metrics.worker import Worker, begin

folder = Path(sys.argv[1])
share(folder)
begin(["parse"], ["live"])

def work():
    metrics.speed.documents.labels("parse", "live", "done").inc(2)

for round in range(3):
    children = [Process(target=work) for _ in range(2)]
    for index, child in enumerate(children):
        child.index = index
        child.start()
    for child in children:
        child.join()
liveness = Liveness(float(sys.argv[2]))
readings = [Worker("one", liveness, Intake(0.1), {})]
address = serve("127.0.0.1", 0, registry("worker", readings, folder), liveness.health)
print(urllib.request.urlopen(address).read().decode())
asking = urllib.request.Request(address, headers={"Accept": "application/openmetrics-text; version=1.0.0"})
print(urllib.request.urlopen(asking).read().decode())
try:
    health = urllib.request.urlopen(address.replace("/metrics", "/healthz"))
except urllib.error.HTTPError as error:
    health = error
print("HEALTH", health.status, health.read().decode())
print("FILES", len(list(folder.glob("counter_pool*.db"))))
"""


def run_children(folder: Path, progress_seconds: float = 60) -> str:
    """Three rounds of two children, then one scrape, in a process of their own."""
    done = subprocess.run(
        [sys.executable, "-c", CHILDREN, str(folder), str(progress_seconds)],
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    return done.stdout


def test_restarted_children_go_on_counting_in_the_files_of_their_slots(tmp_path: Path) -> None:
    said = run_children(tmp_path)
    assert 'efir_documents_total{lane="live",outcome="done",stage="parse"} 12.0' in said
    # One for each slot, however many children there were.
    assert "FILES 2" in said


def test_what_may_go_wrong_is_counted_from_0_on(tmp_path: Path) -> None:
    """Of a series that begins at 1, Prometheus sees no increase."""
    said = run_children(tmp_path)
    assert 'efir_redeliveries_total{lane="live",stage="parse"} 0.0' in said
    assert 'efir_failures_total{kind="fatal",reason="worker-lost",stage="parse"} 0.0' in said


def test_a_worker_answers_in_openmetrics_when_it_is_asked_to(tmp_path: Path) -> None:
    plain, _, asked = run_children(tmp_path).partition("# HELP efir_build_info")
    assert "# EOF" not in plain and "# EOF" in asked


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
    restarted = tmp_path / f"efir-metrics-{os.getpid()}-x"  # in a container: the process before had the same number
    for each in (killed, alive, restarted):
        each.mkdir()
    mine = metrics_folder.prepare()
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR")
    assert sorted(tmp_path.iterdir()) == sorted([alive, mine])
