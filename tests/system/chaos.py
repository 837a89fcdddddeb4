"""A steady stream of documents while a random killer does its worst; then the books.

`make chaos DURATION=120 SEED=...`. The faults come from a seeded generator, so a run can be repeated as far as timing
allows; the seed is printed.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import itertools
import random
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from pipeline.store import StoreRefused, StoreUnavailable
from services.broker import Batch, Lane
from tests.conftest import EXAMPLE
from tests.system.rig import VISIBILITY_SECONDS, Rig

_AWAY = (StoreUnavailable, StoreRefused, RedisError, OperationalError, OSError)
_BURST_SECONDS = 0.7
_BURST_DOCUMENTS = 5


class Killer(threading.Thread):
    def __init__(self, rig: Rig, seed: int) -> None:
        super().__init__(daemon=True)
        self._rig = rig
        self._random = random.Random(seed)
        self._began = time.monotonic()
        self.stop = threading.Event()
        self.wanted: collections.deque[str] = collections.deque()  # words for the stream to admit
        self.told: collections.Counter[str] = collections.Counter()
        self.error: BaseException | None = None

    def run(self) -> None:
        faults: list[Callable[[], None]] = [
            self.kill_a_pool_child,
            self.kill_a_worker,
            self.kill_the_broker,
            self.kill_the_store,
            self.freeze_a_worker,
            self.fill_the_store,
            self.fill_the_broker,
            self.let_two_race,
            self.restart_a_worker,
            self.send_poison,
            self.kill_everything,
        ]
        try:
            while not self.stop.wait(self._random.uniform(2, 6)):
                fault = self._random.choice(faults)
                name = fault.__name__.replace("_", " ")
                self.told[name] += 1
                print(f"{time.monotonic() - self._began:6.1f} s  {name}", flush=True)
                fault()
                self.mend()
        except BaseException as error:
            self.error = error
            raise

    def mend(self) -> None:
        """Two workers, as a supervisor would keep them; the servers have their own."""
        self._rig.workers = [worker for worker in self._rig.workers if worker.poll() is None]
        while len(self._rig.workers) < 2:
            self._rig.start_worker()

    def kill_a_pool_child(self) -> None:
        children = psutil.Process(self._random.choice(self._rig.workers).pid).children()
        with contextlib.suppress(psutil.Error):
            if children:  # none while a worker that was killed starts again
                self._random.choice(children).kill()

    def kill_a_worker(self) -> None:
        self._rig.kill(self._random.choice(self._rig.workers))

    def kill_the_broker(self) -> None:
        self._rig.server("valkey-server").kill()

    def kill_the_store(self) -> None:
        self._rig.server("weed").kill()

    def freeze_a_worker(self) -> None:
        main = psutil.Process(self._random.choice(self._rig.workers).pid)
        frozen = [main, *main.children()]
        for process in frozen:
            process.suspend()
        time.sleep(VISIBILITY_SECONDS + 2)
        for process in frozen:
            with contextlib.suppress(psutil.Error):
                process.resume()

    def fill_the_store(self) -> None:
        with self._rig.full_store():
            time.sleep(3)

    def fill_the_broker(self) -> None:
        with contextlib.suppress(*_AWAY), self._rig.full_broker():
            time.sleep(3)

    def let_two_race(self) -> None:
        with contextlib.suppress(*_AWAY):
            for place in self._random.sample(sorted(self._rig.admitted), min(10, len(self._rig.admitted))):
                for _ in range(2):
                    self._rig.queues.publish(
                        Batch(stage="parse", lane=Lane.LIVE, documents=(place.path,), admitted=time.time())
                    )

    def restart_a_worker(self) -> None:
        worker = self._random.choice(self._rig.workers)
        worker.terminate()
        worker.wait(90)

    def send_poison(self) -> None:
        self.wanted.append(self._random.choice(["отрута", "трясовина", "болото", "хиба"]))

    def kill_everything(self) -> None:
        self._rig.kill_everything()
        self._rig.start_servers()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--duration", type=float, default=120, help="seconds of faults")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.duration:.0f} s of faults", flush=True)
    refused = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        Rig(Path(folder), stage_seconds=6.0, stop_seconds=5.0, hand_back_seconds=10.0) as rig,
    ):
        rig.start_worker()
        rig.start_worker()
        killer = Killer(rig, options.seed)
        killer.start()
        numbers, sentences = itertools.count(), EXAMPLE.read_text().split("\n")
        deadline = time.monotonic() + options.duration
        while time.monotonic() < deadline:
            texts = [f"Документ {next(numbers)}. {random.choice(sentences)}" for _ in range(_BURST_DOCUMENTS)]
            if killer.wanted:
                texts.append(f"Це {killer.wanted.popleft()} номер {next(numbers)}.")
            try:
                rig.admit(texts)
            except _AWAY:
                refused += len(texts)  # the sender was told, or heard nothing; it would send them again
            time.sleep(_BURST_SECONDS)
        killer.stop.set()
        killer.join(120)
        if killer.error is not None:
            raise SystemExit(f"the killer itself failed: {killer.error!r}")
        killer.mend()
        print(f"settling; {refused} documents could not be admitted at the time", flush=True)
        books = rig.settle(600)
        reasons = collections.Counter(entry.reason for entry in rig.quarantine.entries())
        print("faults:      " + ", ".join(f"{count} × {name}" for name, count in sorted(killer.told.items())))
        print(f"books:       {books}")
        print("quarantined: " + (", ".join(f"{count} × {name}" for name, count in sorted(reasons.items())) or "none"))
        print("every admitted document has one record, or is in quarantine with a reason; no artifact is torn")


if __name__ == "__main__":
    main()
