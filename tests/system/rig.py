"""An installation to be broken: servers under their supervisor, workers and a dispatcher of its own, and the books.

The workers are real ones with real models; a few words bring them down (poison_worker.py).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import psutil
from redis import Redis
from redis.exceptions import RedisError

from pipeline import conllu
from pipeline.artifact import Record, decode, decode_artifact
from pipeline.graph import STAGES
from pipeline.models.bundle import installed
from pipeline.store import ArtifactStore, StoreUnavailable, artifact_key, conllu_key, document_key, record_key
from pipeline.transcript import Document, Place, Transcript
from services import broker
from services.admission import Admission
from services.embedded import Addresses, Embedded, _as_environment
from services.object_store import connect_store
from services.quarantine import Quarantine
from services.queues import Queues
from services.settings import Settings

EFIR = str(Path(sys.executable).parent / "efir")
ROOT = Path(__file__).parents[2]
VISIBILITY_SECONDS = 4.0


def until(happens: Callable[[], Any], seconds: float = 60, what: str = "it") -> Any:
    """Wait until `happens()` is true and return what it said. Servers that are away meanwhile are waited for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(StoreUnavailable, RedisError):
            if said := happens():
                return said
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen within {seconds} s")


@dataclass
class Books:
    """Of the admitted documents: how many have a record, are in quarantine, are on their way, and what is wrong."""

    admitted: int
    recorded: int = 0
    quarantined: int = 0
    in_flight: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        sums = f"{self.recorded} recorded + {self.quarantined} quarantined + {self.in_flight} in flight"
        return f"{self.admitted} admitted = {sums}" + "".join(f"\n  {line}" for line in self.wrong)

    @property
    def is_settled(self) -> bool:
        return self.admitted == self.recorded + self.quarantined and not self.wrong


class Rig:
    """Use as a context manager. `limits` are settings for workers and admission."""

    def __init__(self, folder: Path, **limits: Any) -> None:
        self.folder = folder
        self.state = folder / "state"
        defaults = {"visibility_timeout": VISIBILITY_SECONDS, "stage_seconds": 3.0, "concurrency": 1}
        self._limits = {**defaults, **limits}
        self._servers: subprocess.Popen[str] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []
        self._others: list[subprocess.Popen[bytes]] = []
        self.admitted: set[Place] = set()

    def __enter__(self) -> Rig:
        self.start_servers()
        return self

    def __exit__(self, *_: object) -> None:
        for process in (*self.workers, *self._others):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in (*self.workers, *self._others):
            process.wait(180)
        if self._servers is not None:
            self._servers.terminate()
            self._servers.wait(180)

    # What it is made of

    def start_servers(self) -> None:
        self._servers = subprocess.Popen(
            [sys.executable, "-m", "tests.system.serve", str(self.state)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self._servers.stdout is not None
        assert self._servers.stdout.readline() == "ready\n"
        embedded = Embedded(Settings(state=self.state, **self._limits))
        embedded.addresses = msgspec.json.decode((self.state / "addresses.json").read_bytes(), type=Addresses)
        self.settings = embedded.settings
        self.redis: Redis = broker.connect(self.settings)
        self.store: ArtifactStore = connect_store(self.settings)
        self.app = broker.create_app(self.settings)
        self.queues = Queues(self.app, self.redis)
        self.bundles = installed(self.settings.bundles)
        self.admission = Admission(self.settings, self.store, self.app, self.bundles)
        self.quarantine = Quarantine(self.store)

    def start_worker(self, module: str = "tests.system.poison_worker", **limits: Any) -> subprocess.Popen[bytes]:
        """A worker, ready to take messages."""
        worker = self._start(module, f"worker-{len(self.workers)}", limits)
        self.workers.append(worker)
        until(lambda: any(each.pid == worker.pid for each in self._present()), 120, "the worker being ready")
        return worker

    def start_dispatcher(self, **limits: Any) -> subprocess.Popen[bytes]:
        dispatcher = self._start("services.dispatcher", f"dispatcher-{len(self._others)}", limits)
        self._others.append(dispatcher)
        return dispatcher

    def _start(self, module: str, name: str, limits: dict[str, Any]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", module],
                env={**os.environ, **_as_environment(self.settings.model_copy(update=limits))},
                cwd=ROOT,
                stderr=log,
                stdout=subprocess.DEVNULL,
            )

    def _present(self) -> list[Any]:
        from services.presence import present

        return list(present(self.redis))

    def server(self, name: str) -> psutil.Process:
        """`weed` or `valkey-server`."""
        assert self._servers is not None

        def find() -> psutil.Process | None:
            for child in psutil.Process(self._servers.pid).children():  # type: ignore[union-attr]
                with contextlib.suppress(psutil.Error):
                    if (line := child.cmdline()) and name in line[0]:
                        return child
            return None

        found: psutil.Process = until(find, 30, name)
        return found

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """-9, the main process; the pool dies with it."""
        worker.kill()
        worker.wait()

    def kill_everything(self) -> None:
        """As when the power fails: nobody gets to say anything."""
        assert self._servers is not None
        supervisor = psutil.Process(self._servers.pid)
        victims = [supervisor, *supervisor.children()]
        for process in (*self.workers, *self._others):
            if process.poll() is None:
                victims += [psutil.Process(process.pid), *psutil.Process(process.pid).children()]
        for victim in victims:
            with contextlib.suppress(psutil.Error):
                victim.suspend()
        for victim in victims:
            with contextlib.suppress(psutil.Error):
                victim.kill()
        for process in (*self.workers, *self._others, self._servers):
            process.wait()
        self.workers, self._others = [], []

    @contextlib.contextmanager
    def full_store(self) -> Iterator[None]:
        """No file of the store may grow: it answers 500 to every write, as with a full disk."""
        store = self.server("weed")
        before = store.rlimit(psutil.RLIMIT_FSIZE)
        store.rlimit(psutil.RLIMIT_FSIZE, (100, before[1]))
        try:
            yield
        finally:
            store.rlimit(psutil.RLIMIT_FSIZE, before)

    @contextlib.contextmanager
    def full_broker(self) -> Iterator[None]:
        """noeviction, and no memory left: every write that needs some is refused."""
        self.redis.config_set("maxmemory", 1)
        try:
            yield
        finally:
            self.redis.config_set("maxmemory", 0)

    # Documents

    def admit(self, texts: Iterable[str]) -> list[Place]:
        """Admit and enqueue, and count as admitted what was acknowledged."""
        items = [self.admission.admit(Transcript(text=text)) for text in texts]
        self.admission.enqueue(items)
        self.admission.secure()
        places = [item.place for item in items]
        self.admitted.update(places)
        return places

    def until_in_hand(self) -> None:
        until(lambda: self.redis.hlen("unacked"), 60, "a message being taken")

    def books(self) -> Books:
        books = Books(len(self.admitted))
        for place in sorted(self.admitted):
            entries = self.quarantine.of(place)
            recorded = self.store.exists(record_key(place))
            books.recorded += recorded
            books.quarantined += bool(entries) and not recorded
            books.in_flight += not entries and not recorded
            if recorded and entries:
                books.wrong.append(f"{place.id} has a record and is in quarantine at {entries[0].stage}")
            if any(not entry.error or not entry.reason for entry in entries):
                books.wrong.append(f"{place.id} is in quarantine without a reason")
            if recorded:
                books.wrong += self._torn(place)
        return books

    def _torn(self, place: Place) -> list[str]:
        """What does not hang together of a document's artifacts."""
        try:
            document = decode(self.store.get(document_key(place)), Document, "")
            record = decode(self.store.get(record_key(place)), Record, "")
            prints = self.bundles["uk"].fingerprints
            artifacts = {s: decode_artifact(self.store.get(artifact_key(s, prints[s], place)), s, "") for s in STAGES}
        except (ValueError, KeyError) as error:
            return [f"{place.id} is torn: {error!r}"]
        wrong = []
        if record.text != document.text or record.entities != artifacts["entities"].content.entities:
            wrong.append(f"{place.id}: the record is not what its artifacts say")
        if self.store.get(conllu_key(prints["parse"], place)).decode() != conllu.render(
            document, artifacts["parse"].content
        ):
            wrong.append(f"{place.id}: CoNLL-U and parse differ")
        return wrong

    def settle(self, seconds: float = 180) -> Books:
        """Wait until every admitted document has its record or is in quarantine and no message is left; the books."""

        def settled() -> Books | None:
            if self.redis.hlen("unacked") or self.queues.documents():
                return None
            return self.books()

        books: Books = until(settled, seconds, "the queues being empty")
        assert books.is_settled, str(books)
        return books


def efir(rig: Rig, *arguments: str | Path, status: int | None = 0, **environment: str) -> str:
    """Standard output and error of a command, run as an operator does."""
    done = subprocess.run(
        [EFIR, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **_as_environment(rig.settings), **environment},
    )
    assert status in {None, done.returncode}, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr


def js(rig: Rig, *arguments: str | Path, **environment: str) -> Any:
    return json.loads(efir(rig, *arguments, "--json", **environment))


def ended(rig: Rig, campaign: str, seconds: float = 180) -> dict[str, Any]:
    def is_over() -> dict[str, Any] | None:
        view: dict[str, Any] = js(rig, "campaigns", "show", campaign)
        return view if view["status"] in {"done", "cancelled"} else None

    view: dict[str, Any] = until(is_over, seconds, "the end of the campaign")
    return view
