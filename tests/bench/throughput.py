"""What the queue and the store cost: the same documents through Efir and through its stages alone, in one run.

Efir: the embedded installation with two worker processes, from admission to the last record. Alone: two processes, each
with half of the documents in memory, the four stages one after another on whole batches, nothing read or written.
Models are loaded and warm before the clock starts. Absolute times depend on the machine; the ratio is the result. What
the models cost against others is another question: tests/bench/models.py.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import psutil

from pipeline.transcript import Transcript

PROCESSES = 2
LEAST_RATIO = 0.6
MOST_MEMORY = 1_000_000_000
_WARM_UP = 4


def draw(data: Path, count: int) -> list[str]:
    """`count` texts of the raw corpus and the transcripts, the same in every run."""
    texts = [json.loads(path.read_text())["text"] for path in sorted((data / "transcripts").glob("*.json"))]
    with gzip.open(data / "raw" / "corpus.jsonl.gz", "rt") as file:
        texts += [json.loads(line)["text"] for line in file]
    random.Random(0).shuffle(texts)
    return texts[:count]


def through_efir(texts: Sequence[str]) -> tuple[float, int, list[float], int]:
    """Seconds, tokens, seconds from admission to record of each document, and the peak memory of a worker process."""
    from services import broker
    from services.admission import Admission
    from services.embedded import Embedded
    from services.object_store import connect_store
    from services.progress import Progress
    from services.settings import Settings

    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(state=Path(folder) / "state", concurrency=PROCESSES)
        with Embedded(settings) as embedded:
            embedded.start_worker()
            from pipeline.models.bundle import installed

            client = broker.connect(embedded.settings)
            store = connect_store(embedded.settings)
            admission = Admission(
                embedded.settings, store, broker.create_app(embedded.settings), installed(settings.bundles)
            )
            notices = Progress(client, settings.progress_length)

            def wait_for(transcripts: Sequence[Transcript]) -> tuple[float, list[float]]:
                position = notices.position()
                started = time.perf_counter()
                admitted_at: dict[str, float] = {}

                def admit() -> Any:
                    for transcript in transcripts:
                        item = admission.admit(transcript)
                        admitted_at[item.place.id] = time.perf_counter()
                        yield item

                admission.enqueue(admit())
                waiting, ages = set(admitted_at), []
                while waiting:
                    embedded.tend()
                    for heard, notice in notices.since(position, 0.5):
                        position = heard
                        assert notice.outcome == "done", notice
                        if notice.stage == "record":
                            now = time.perf_counter()
                            for name in waiting & set(notice.documents):
                                ages.append(now - admitted_at[name])
                                waiting.remove(name)
                return time.perf_counter() - started, ages

            wait_for(
                [Transcript(text=f"{text[:1000]} Розігрів {number}.") for number, text in enumerate(texts[:_WARM_UP])]
            )
            seconds, ages = wait_for([Transcript(text=text) for text in texts])
            from pipeline.artifact import Record, decode

            keys = store.list("records/")
            records = [decode(store.get(key), Record, key) for key in keys]
            known = set(texts)
            tokens = sum(record.tokens for record in records if record.text in known)
            memory = peak_memory()
    return seconds, tokens, ages, memory


def peak_memory() -> int:
    """Bytes: the most any process of the worker had in memory (VmHWM)."""
    most = 0
    for child in psutil.Process().children(recursive=True):
        if "services.worker" in " ".join(child.cmdline()):
            for line in Path(f"/proc/{child.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM"):
                    most = max(most, int(line.split()[1]) * 1024)
    return most


def process_alone(texts: Sequence[str], barrier: Barrier, results: Any) -> None:
    """One process of the comparison: everything the stages compute, and nothing else."""
    from pipeline.graph import STAGES
    from pipeline.models.bundle import installed
    from pipeline.models.evaluate.reading import Reader

    reader = Reader(installed()["uk"])

    def read(batch: Sequence[str]) -> int:
        return sum(subject.parse.token_count for subject in reader.read(batch, *STAGES))

    read([text[:1000] for text in texts[:_WARM_UP]])
    barrier.wait()
    started = time.perf_counter()
    tokens = read(texts)
    results.put((started, time.perf_counter(), tokens))


def through_stages_alone(texts: Sequence[str]) -> tuple[float, int]:
    """Seconds and tokens of two processes that share the documents by length."""
    by_length = sorted(texts, key=len)
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(PROCESSES), context.Queue()
    processes = [
        context.Process(target=process_alone, args=(by_length[at::PROCESSES], barrier, results))
        for at in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    parts = [results.get(timeout=3600) for _ in processes]
    for process in processes:
        process.join()
    # perf_counter is the machine's monotonic clock: the same in all processes.
    return max(end for _, end, _ in parts) - min(start for start, _, _ in parts), sum(tokens for _, _, tokens in parts)


def tell(what: str, tokens: int, seconds: float) -> None:
    print(f"{what:<31} {tokens / seconds:8.0f} tokens/s  ({tokens:,} tokens in {seconds:.1f} s)", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with raw/corpus.jsonl.gz and transcripts/")
    parser.add_argument("--documents", type=int, default=200)
    options = parser.parse_args()
    texts = draw(options.data, options.documents)
    print(f"{len(texts)} documents, {sum(map(len, texts)):,} characters, {PROCESSES} processes each", flush=True)
    alone_seconds, alone_tokens = through_stages_alone(texts)
    tell("the stages alone", alone_tokens, alone_seconds)
    seconds, tokens, ages, memory = through_efir(texts)
    tell("Efir", tokens, seconds)
    ratio = (tokens / seconds) / (alone_tokens / alone_seconds)
    p50, p95 = statistics.median(ages), statistics.quantiles(ages, n=20)[-1]
    print(f"ratio of Efir to its stages     {ratio:8.2f}           (at least {LEAST_RATIO})")
    print(f"from document to record, all admitted at once: p50 {p50:.1f} s, p95 {p95:.1f} s")
    print(f"peak memory of a worker process: {memory / 1e6:.0f} MB (under {MOST_MEMORY / 1e6:.0f} MB)")
    if ratio < LEAST_RATIO or memory >= MOST_MEMORY:
        raise SystemExit("missed")


if __name__ == "__main__":
    main()
