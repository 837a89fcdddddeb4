"""What the queue costs by itself, and what a large campaign costs to plan. `make bench-queue`.

With stages that do nothing and a store that is not asked, what is left is the way of the messages through the graph:
taking, counting, publishing what follows, acknowledging. The cost of a document is measured with 1,000 and with 100,000
documents queued, in one run, so that only their ratio counts. Then 50,000 small documents are put into a real store
and a campaign over them is planned in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pipeline.artifact import encode
from pipeline.graph import STAGES
from pipeline.processing import Outcome, Processing
from pipeline.store import ArtifactStore, document_key
from pipeline.transcript import Document, Place
from services import broker, worker
from services.broker import Batch, Lane
from services.embedded import Embedded, _as_environment
from services.object_store import connect_store
from services.queues import Queues
from services.settings import Settings

MOST_GROWTH = 1.2
MOST_BYTES = 200
MOST_PLAN_SECONDS = 60
MOST_PLAN_MEMORY = 200_000_000
_SMALL, _MEDIUM, _LARGE = 1_000, 10_000, 100_000
_ROUNDS = 5  # of the small measure, of which the median counts


def run_worker() -> None:
    """A worker whose stages find everything done."""

    def run(self: Processing, name: str, places: Sequence[Place], since: float = 0.0) -> Outcome:
        return Outcome(done=list(places))

    def join(self: Processing, places: Sequence[Place]) -> Outcome:
        return Outcome()

    def load(self: Processing, stage: str, language: str) -> Any:
        return None

    Processing.run, Processing.join_complete, Processing.load = run, join, load  # type: ignore[method-assign]
    sys.exit(worker.run(Settings()))


def place(number: int) -> Place:
    return Place(date(2026, 1, 1), "bench", f"{number:016x}-00000000")


def fill(queues: Queues, settings: Settings, documents: int) -> None:
    size = settings.batch_documents
    for start in range(0, documents, size):
        places = tuple(place(number).path for number in range(start, min(start + size, documents)))
        queues.publish(Batch(stage="parse", lane=Lane.LIVE, documents=places, admitted=time.time()))


def drain(queues: Queues, redis: Any) -> float:
    """Seconds until nothing waits and nothing is in hand."""
    started = time.perf_counter()
    while redis.hlen("unacked") or queues.documents():
        time.sleep(0.05)
    return time.perf_counter() - started


def used(redis: Any) -> int:
    return int(redis.info("memory")["used_memory"])


def queue_costs(embedded: Embedded) -> bool:
    settings, redis = embedded.settings, broker.connect(embedded.settings)
    queues = Queues(broker.create_app(settings), redis)
    redis.hset("efir:paused", mapping=dict.fromkeys(STAGES, b'{"by":"operator","reason":"","since":0}'))
    environment = {**os.environ, **_as_environment(settings), "EFIR_CONCURRENCY": "1", "EFIR_LOG_LEVEL": "ERROR"}
    workers = [
        subprocess.Popen([sys.executable, "-m", "tests.bench.queue", "--worker"], env=environment) for _ in range(2)
    ]
    try:
        from services.presence import present

        while len(present(redis)) < 2:
            time.sleep(0.1)

        def cost(documents: int) -> float:
            """Seconds a document, from the moment the stages are let go."""
            fill(queues, settings, documents)
            redis.delete("efir:paused")
            seconds = drain(queues, redis)
            redis.hset("efir:paused", mapping=dict.fromkeys(STAGES, b'{"by":"operator","reason":"","since":0}'))
            return seconds / documents

        cost(_SMALL)  # to warm up
        small = sorted(cost(_SMALL) for _ in range(_ROUNDS))[_ROUNDS // 2]
        medium = cost(_MEDIUM)
        before = used(redis)
        fill(queues, settings, _LARGE)
        memory = (used(redis) - before) / _LARGE
        redis.delete("parse.live")
        large = cost(_LARGE)
    finally:
        for each in workers:
            each.terminate()
        for each in workers:
            each.wait(60)
    # With few documents the start and the end weigh more, so the better of the two is what growth is measured from.
    growth = large / min(small, medium)
    print(f"through the graph, 2 workers: {1 / small:8,.0f} documents/s with {_SMALL:,} queued")
    print(f"                              {1 / medium:8,.0f} documents/s with {_MEDIUM:,} queued")
    print(f"                              {1 / large:8,.0f} documents/s with {_LARGE:,} queued")
    print(f"cost of a document, growth    {growth:8.2f}  (at most {MOST_GROWTH})")
    print(f"broker, bytes a document      {memory:8.0f}  (at most {MOST_BYTES})", flush=True)
    return growth <= MOST_GROWTH and memory <= MOST_BYTES


def planning(embedded: Embedded, documents: int) -> bool:
    store = connect_store(embedded.settings.model_copy(update={"store_connections": 16}))
    print(f"storing {documents:,} documents", flush=True)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: _store(store, number), range(documents)))
    planned = _measured(embedded, "planned in", documents, "reprocess", "--stage", "parse")
    # The same listings, and all of it into the queue.
    return _measured(embedded, "recovered in", documents, "recover") and planned


def _measured(embedded: Embedded, what: str, documents: int, *command: str) -> bool:
    """Run a command over all documents in a process of its own; whether it was whole, quick and small enough."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, Path(sys.executable).parent / "efir", *command],
        env={**os.environ, **_as_environment(embedded.settings)},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    print(done.stdout.strip().splitlines()[0] if done.stdout else done.stderr)
    match = re.search(r"Maximum resident set size \(kbytes\): (\d+)", done.stderr)
    memory = int(match[1]) * 1024 if match else 10**12
    print(f"{what:<30}{seconds:8.1f} s  (at most {MOST_PLAN_SECONDS})")
    print(f"its memory                    {memory / 1e6:8.0f} MB (at most {MOST_PLAN_MEMORY / 1e6:.0f})", flush=True)
    is_whole = f"{documents:,} documents" in done.stdout
    return done.returncode == 0 and is_whole and seconds <= MOST_PLAN_SECONDS and memory <= MOST_PLAN_MEMORY


_MEASURE = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:])
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(f"Maximum resident set size (kbytes): {peak}", file=sys.stderr)
sys.exit(done.returncode)
"""


def _store(store: ArtifactStore, number: int) -> None:
    at = place(number)
    document = Document(id=at.id, source="bench", language="uk", ingested=datetime.now(UTC), text=f"Так, {number}.")
    store.create(document_key(at), encode(document))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker", action="store_true", help="be one of the workers")
    parser.add_argument("--documents", type=int, default=50_000, help="of the campaign")
    options = parser.parse_args()
    if options.worker:
        run_worker()
    with tempfile.TemporaryDirectory() as folder, Embedded(Settings(state=Path(folder) / "state")) as embedded:
        is_good = queue_costs(embedded)
        is_good = planning(embedded, options.documents) and is_good
    if not is_good:
        raise SystemExit("missed")


if __name__ == "__main__":
    main()
