"""What is promised, on real processes: whatever is killed, frozen or full, every admitted document comes to its end.

After each fault the books are checked, of all documents admitted so far: admitted = recorded + quarantined, no
artifact is torn, nothing is both recorded and in quarantine, and no message is left.
"""

from __future__ import annotations

import itertools
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import psutil
import pytest
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from pipeline.store import StoreUnavailable, record_key
from services.broker import Batch, Lane
from services.presence import present
from tests.conftest import EXAMPLE
from tests.system.rig import VISIBILITY_SECONDS, Rig, until

_numbers = itertools.count()


def short(count: int, word: str = "добрий") -> list[str]:
    """Texts of a sentence, all different."""
    return [f"Це {word} документ номер {next(_numbers)}." for _ in range(count)]


def long() -> str:
    """About three seconds of parsing."""
    return f"Документ {next(_numbers)}. " + (EXAMPLE.read_text() + "\n\n") * 5


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(tmp_path_factory.mktemp("rig"), stage_seconds=20.0) as rig:
        rig.start_worker()
        rig.start_worker()
        yield rig


def two_workers(rig: Rig) -> None:
    """As before the fault."""
    rig.workers = [worker for worker in rig.workers if worker.poll() is None]
    while len(rig.workers) < 2:
        rig.start_worker()


def held_by(rig: Rig, tag: str) -> float:
    return float(rig.redis.zscore("unacked_index", tag) or 0.0)  # type: ignore[arg-type]


def test_nothing_happens_and_the_books_agree(rig: Rig) -> None:
    rig.admit(short(40))
    assert rig.settle().recorded == 40


def test_a_killed_pool_child_gives_its_document_back(rig: Rig) -> None:
    rig.admit([long()])
    rig.until_in_hand()
    time.sleep(0.5)
    for worker in rig.workers:
        for child in psutil.Process(worker.pid).children():
            child.kill()
    rig.settle()


def test_a_killed_workers_documents_are_taken_up_within_its_lease_and_two_seconds(rig: Rig) -> None:
    rig.admit([long()])
    rig.until_in_hand()
    ((tag, _),) = rig.redis.zrange("unacked_index", 0, -1, withscores=True)  # type: ignore[misc]
    # Whoever is busy has it.
    holder = max(rig.workers, key=lambda worker: sum(c.cpu_percent(0.3) for c in psutil.Process(worker.pid).children()))
    killed_at = time.time()
    rig.kill(holder)
    renewed_at = held_by(rig, tag)
    until(lambda: held_by(rig, tag) > max(renewed_at, killed_at), 60, "the document being taken up")
    # By the clock of the worker that took it, so that it does not count how seldom this test gets to look.
    assert held_by(rig, tag) - killed_at <= VISIBILITY_SECONDS + 2
    rig.settle()
    two_workers(rig)


def test_a_killed_broker_comes_back_with_everything(rig: Rig) -> None:
    rig.admit([long(), *short(60)])
    rig.until_in_hand()
    rig.server("valkey-server").kill()
    rig.settle()
    assert all(worker.poll() is None for worker in rig.workers)


def test_a_killed_store_is_waited_for(rig: Rig) -> None:
    rig.admit([long(), *short(60)])
    rig.until_in_hand()
    rig.server("weed").kill()
    rig.settle()


def test_a_worker_that_was_frozen_past_its_lease_harms_nothing_when_it_thaws(rig: Rig) -> None:
    rig.admit([long(), *short(10)])
    rig.until_in_hand()
    time.sleep(0.3)
    frozen = [psutil.Process(rig.workers[0].pid)]
    frozen += frozen[0].children()
    for process in frozen:
        process.suspend()
    time.sleep(VISIBILITY_SECONDS + 2)
    for process in frozen:
        process.resume()
    rig.settle()


def test_a_full_store_stops_the_work_and_loses_nothing(rig: Rig) -> None:
    rig.admit(short(20))
    rig.settle()
    with rig.full_store():
        with pytest.raises(StoreUnavailable):
            rig.admit(short(1))
        rig.queues.publish(
            Batch(
                stage="topics",
                lane=Lane.LIVE,
                documents=tuple(place.path for place in sorted(rig.admitted)[:5]),
                admitted=time.time(),
                since=time.time() + 10,  # made again whatever is there
            )
        )
        rig.until_in_hand()
        time.sleep(3)
        assert rig.redis.hlen("unacked") == 1  # waited for, not given up
    rig.settle()


def test_what_waits_too_long_for_the_store_is_handed_back(rig: Rig) -> None:
    """Another worker's store may answer; and waiting does not count against the document."""
    (place,) = rig.admit(short(1))
    rig.settle()
    patient = rig.start_worker(hand_back_seconds=1.0)
    for worker in rig.workers[:-1]:
        worker.terminate()
        worker.wait(180)
    rig.workers = [patient]

    def handed_back() -> int:
        return sum(log.read_text().count('"handed back"') for log in rig.folder.glob("worker-*.log"))

    before = handed_back()
    with rig.full_store():
        again = Batch(stage="topics", lane=Lane.LIVE, documents=(place.path,), admitted=time.time(), since=time.time())
        rig.queues.publish(again)
        # Oftener than a document may lose its worker.
        until(lambda: handed_back() > before + rig.settings.max_deliveries, 60, "handing back, again and again")
    rig.settle()
    assert rig.quarantine.find(place) is None
    two_workers(rig)


def test_a_broker_without_memory_refuses_and_loses_nothing(rig: Rig) -> None:
    rig.admit([long(), *short(40)])
    rig.until_in_hand()
    with rig.full_broker():
        with pytest.raises((RedisError, OperationalError)):
            rig.admit(short(1))
        time.sleep(VISIBILITY_SECONDS + 2)
    rig.settle()
    assert all(worker.poll() is None for worker in rig.workers)


def test_two_workers_that_race_for_a_document_make_one(rig: Rig) -> None:
    places = rig.admit(short(30))
    for place in places:
        for _ in range(3):
            rig.queues.publish(Batch(stage="parse", lane=Lane.LIVE, documents=(place.path,), admitted=time.time()))
    rig.settle()


def test_a_rolling_restart_under_load_loses_nothing(rig: Rig) -> None:
    for worker in list(rig.workers):
        rig.admit([*short(50), long()])
        replacement = rig.start_worker()
        worker.terminate()
        assert worker.wait(180) == 0
        rig.workers.remove(worker)
        assert replacement.poll() is None
    rig.settle()


def test_handing_back_does_not_count_against_a_document(rig: Rig) -> None:
    """A document that is in hand at every one of many restarts is not taken for one that kills its worker."""
    for worker in rig.workers:
        worker.terminate()
        worker.wait(180)
    rig.workers = []
    (place,) = rig.admit([long() * 3])
    for _ in range(rig.settings.max_deliveries + 1):
        worker = rig.start_worker(stop_seconds=0.5)
        rig.until_in_hand()
        time.sleep(1)
        worker.terminate()
        worker.wait(180)
        until(lambda: rig.redis.hlen("unacked") == 0, 60, "the document being handed back")
    rig.workers = []
    assert rig.quarantine.find(place) is None
    two_workers(rig)
    rig.settle()
    assert rig.store.exists(record_key(place))


def test_a_worker_that_finishes_nothing_says_so(rig: Rig) -> None:
    """Its main process lives and renews its leases; its pool is stuck."""
    for worker in rig.workers:
        worker.terminate()
        worker.wait(180)
    rig.workers = []
    worker = rig.start_worker(progress_seconds=6.0)
    (address,) = (each.metrics for each in present(rig.redis) if each.pid == worker.pid)

    def health() -> int:
        try:
            with urllib.request.urlopen(address.replace("/metrics", "/healthz"), timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    time.sleep(8)
    assert health() == 200  # nothing to do is no reason to complain
    pool = psutil.Process(worker.pid).children()
    for child in pool:
        child.suspend()
    rig.admit(short(3))
    until(lambda: health() == 503, 60, "the worker being unhealthy")
    for child in pool:
        child.resume()
    until(lambda: health() == 200, 60, "the worker being healthy again")
    # A broker that was restarted: the worker finds work again, or would be found out.
    rig.server("valkey-server").kill()
    rig.server("valkey-server")
    until(lambda: rig.redis.ping(), 60, "the broker")  # noqa: PLW0108
    rig.admit(short(3))
    rig.settle()
    assert health() == 200
    two_workers(rig)


def test_everything_is_killed_at_once_and_started_again(rig: Rig) -> None:
    rig.admit([long(), *short(100)])
    rig.until_in_hand()
    time.sleep(0.5)
    rig.kill_everything()
    rig.start_servers()
    two_workers(rig)
    rig.settle()


def test_a_document_that_a_stage_cannot_bear_is_quarantined_at_once(rig: Rig) -> None:
    places = rig.admit([*short(3), *short(1, "хиба"), *short(3)])
    rig.settle()
    (entry,) = (entry for place in places for entry in rig.quarantine.of(place))
    assert (entry.kind, entry.reason, entry.deliveries, entry.tries) == ("permanent", "ValueError", 1, 1)
    assert "Traceback" in entry.traceback and "хиба" in entry.traceback
    assert all(worker.poll() is None for worker in rig.workers)
