"""How fast documents are admitted over HTTP, what it costs, and whether memory stays where it is. `make bench-ingest`.

Embedded broker and store, one `efir api`, no worker: admission alone. Clients send distinct documents of some 5 KB,
made of pieces of real texts, to the bulk door; a probe sends single ones beside them and its waiting time is told. All
figures are of one run; those of one kind of machine cannot be compared with those of another.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import itertools
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import msgspec
import psutil

from services import broker
from services.embedded import Embedded
from services.settings import Settings

EFIR = str(Path(sys.executable).parent / "efir")
LEAST_RATE = 300.0
MOST_GROWTH = 1.1
_BYTES = 5_000
_PIECE_WORDS = 40
_PROBE_SECONDS = 0.25
_CHECKPOINTS = 10


class Texts:
    """Distinct texts without end, each of pieces of real ones, so that no two are near-duplicates."""

    def __init__(self, data: Path) -> None:
        with gzip.open(data / "raw" / "corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
            self._words = [word for line in lines for word in json.loads(line)["text"].split()]

    def make(self, random_: random.Random) -> str:
        pieces: list[str] = []
        size = 0
        while size < _BYTES:
            start = random_.randrange(len(self._words) - _PIECE_WORDS)
            pieces.append(" ".join(self._words[start : start + _PIECE_WORDS]))
            size += len(pieces[-1].encode())
        return "\n\n".join(pieces)


class Clients:
    """Threads that post bulk requests until `documents` are sent, and a probe beside them."""

    def __init__(self, port: int, texts: Texts, documents: int, batch: int) -> None:
        self._port, self._texts, self._batch = port, texts, batch
        self._numbers: Iterator[int] = iter(range(0, documents, batch))
        self._left = threading.Lock()
        self.admitted = 0
        self.others: Queue[object] = Queue()
        self.waits: list[float] = []
        self.is_done = threading.Event()

    def bulk(self, seed: int) -> None:
        random_ = random.Random(seed)
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        while True:
            with self._left:
                first = next(self._numbers, None)
            if first is None:
                return
            lines = [
                msgspec.json.encode({"text": self._texts.make(random_), "id": f"{number}", "source": "bench"}) + b"\n"
                for number in range(first, first + self._batch)
            ]
            connection.request(
                "POST", "/v1/transcripts:bulk", b"".join(lines), {"Content-Type": "application/x-ndjson"}
            )
            answer = connection.getresponse()
            results = [msgspec.json.decode(line) for line in answer.read().splitlines()]
            with self._left:
                self.admitted += sum(result.get("verdict") == "admitted" for result in results)
            for result in results:
                if result.get("verdict") != "admitted":
                    self.others.put(result)

    def probe(self) -> None:
        random_ = random.Random(10_000)
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        for number in itertools.count():
            if self.is_done.wait(_PROBE_SECONDS):
                return
            body = msgspec.json.encode({"text": self._texts.make(random_), "id": f"probe-{number}", "source": "bench"})
            started = time.perf_counter()
            connection.request("POST", "/v1/transcripts", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            self.waits.append(time.perf_counter() - started)
            assert answer.status == 202, answer.status


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_up(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, "the API ended"
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("the API does not come up")


def measure(embedded: Embedded, documents: int, batch: int, clients: int, texts: Texts) -> bool:
    port = _free_port()
    api = subprocess.Popen(
        [EFIR, "api", "--port", str(port), "--state", str(embedded.settings.state)],
        env={**os.environ, "EFIR_LOG_LEVEL": "WARNING"},
    )
    try:
        _wait_until_up(port, api)
        processes = {
            "api": psutil.Process(api.pid),
            **{child.name: psutil.Process(child.process.pid) for child in embedded._children if child.process},
            "clients": psutil.Process(),
        }
        redis = broker.connect(embedded.settings)
        work = Clients(port, texts, documents, batch)

        def cpu() -> dict[str, float]:
            return {name: sum(process.cpu_times()[:2]) for name, process in processes.items()}

        before, started = cpu(), time.perf_counter()
        threads = [threading.Thread(target=work.bulk, args=(seed,)) for seed in range(clients)]
        probe = threading.Thread(target=work.probe)
        for thread in (*threads, probe):
            thread.start()
        steps = iter(range(documents // _CHECKPOINTS, documents + 1, documents // _CHECKPOINTS))
        step = next(steps)
        memory: list[float] = []
        print(f"{'documents':>10} {'/s':>6} {'api MB':>7} {'store MB':>9} {'broker MB':>10}")
        last = (0, started)
        while any(thread.is_alive() for thread in threads):
            embedded.tend()
            time.sleep(0.2)
            if work.admitted >= step:
                now = (work.admitted, time.perf_counter())
                memory.append(processes["api"].memory_info().rss / 1e6)
                rate, store = (now[0] - last[0]) / (now[1] - last[1]), processes["store"].memory_info().rss / 1e6
                used = redis.info("memory")["used_memory"] / 1e6
                print(f"{work.admitted:10,} {rate:6.0f} {memory[-1]:7.0f} {store:9.0f} {used:10.0f}", flush=True)
                last, step = now, next(steps, documents + 1)
        seconds, after = time.perf_counter() - started, cpu()
        work.is_done.set()
        probe.join()
    finally:
        api.terminate()
        api.wait(60)
    rate = work.admitted / seconds
    print(f"\nadmitted                     {work.admitted:8,} of {documents:,}")
    print(f"documents a second           {rate:8.0f}  (at least {LEAST_RATE:.0f})")
    waits = sorted(work.waits)
    print(f"single POST beside the bulk  {1000 * waits[len(waits) // 2]:8.0f} ms median, "
          f"{1000 * waits[int(len(waits) * 0.95)]:.0f} ms p95")  # fmt: skip
    for name in processes:
        print(f"CPU of a document, {name:<9} {1000 * (after[name] - before[name]) / work.admitted:8.2f} ms")
    growth = memory[-1] / memory[0] if len(memory) > 1 else 1.0
    print(f"memory of the API, last to first tenth {growth:.2f}  (at most {MOST_GROWTH})")
    if not work.others.empty():
        print(f"not admitted: {work.others.qsize()}, the first: {work.others.get()}")
    return work.admitted == documents and rate >= LEAST_RATE and growth <= MOST_GROWTH


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds raw/corpus.jsonl.gz")
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=250, help="documents of one bulk request")
    parser.add_argument("--clients", type=int, default=3, help="bulk requests at a time")
    options = parser.parse_args()
    texts = Texts(options.data)
    with tempfile.TemporaryDirectory() as folder, Embedded(Settings(state=Path(folder) / "state")) as embedded:
        if not measure(embedded, options.documents, options.batch, options.clients, texts):
            raise SystemExit("missed")


if __name__ == "__main__":
    main()
