"""Metrics of several processes, added up by their parent."""

import os
import subprocess
import sys
from pathlib import Path

CHILDREN = """
import os, sys, urllib.request
from pathlib import Path
os.environ["PROMETHEUS_MULTIPROC_DIR"] = sys.argv[1]
from billiard import Process
from redis import Redis
from services import metrics

def work():
    metrics.documents.labels("parse", "live", "done").inc(2)

for round in range(3):
    children = [Process(target=work) for _ in range(2)]
    for index, child in enumerate(children):
        child.index = index
        child.start()
    for child in children:
        child.join()
address = metrics.serve("127.0.0.1", 0, Redis(port=9))
print(urllib.request.urlopen(address).read().decode())
print("FILES", len(list(Path(sys.argv[1]).glob("counter_*.db"))))
"""


def test_restarted_children_go_on_counting_in_the_files_of_their_slots(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", CHILDREN, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=os.environ,
    )
    assert 'efir_documents_total{lane="live",outcome="done",stage="parse"} 12.0' in run.stdout
    # Two slots and the parent, however many children there were.
    assert "FILES 3" in run.stdout or "FILES 2" in run.stdout


def test_a_scrape_without_a_broker_still_answers(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", CHILDREN, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=os.environ,
    )
    assert "efir_queue_messages" not in run.stdout
    assert "efir_documents_total" in run.stdout
