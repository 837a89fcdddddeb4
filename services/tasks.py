"""The one task that runs any stage on a batch of documents, and what follows from it.

A worker that serves the stages that follow goes on with them at once: entities, sentiment and topics are told from one
reading of a text, which a process that has just read it still knows. They get messages of their own when the stage is
paused, when another worker serves it, and when the message was delivered before: then one of them may be to blame, and
alone it can be told which.

A message may come twice, its worker may die at any line, and another worker may hold the same document: nothing here
needs to know, because artifacts are created once and everything else follows from them. What is counted is how often
a message was delivered: a batch that lost its worker is split into single documents, and a document that loses its
worker again and again ends in quarantine. What is done about each kind of failure is told in services/failures.py.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, cast

import msgspec
from celery import Celery
from celery.exceptions import Reject
from redis import Redis
from redis.exceptions import RedisError
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from pipeline import graph
from pipeline.failure import Failure
from pipeline.models.bundle import Bundle
from pipeline.models.memory import GivingBack
from pipeline.processing import Processing
from pipeline.stages import Stage, open_stage
from pipeline.takedown import removal_of
from pipeline.transcript import Place
from services import broker, deliveries, logs, metrics, traces
from services.account import Account
from services.breaker import Breaker
from services.broker import Batch, Lane
from services.campaigns import is_cancelled
from services.celery_counts import CeleryCounts, node_of
from services.failures import PAUSES, STORE_IS_AWAY, TRANSIENT, Kind
from services.metrics import ledger, processes
from services.object_store import connect_store
from services.pauses import paused
from services.progress import Progress
from services.quarantine import Quarantine
from services.queues import Queues
from services.settings import Settings
from services.watchdog import Watched

# Workers of two versions could send a document to and fro for ever; an upgrade sends it back once.
_MOST_SENT_BACK = 2

log = logs.get("efir.stage")


def bind(app: Celery, settings: Settings, on_finished: Callable[[], None]) -> Callable[[], Executor]:
    """Add the task to `app`. The returned function gives this process's executor, made when first asked for.

    `on_finished` is called after every stage of a message that came to an end.
    """

    @cache
    def executor() -> Executor:
        return Executor(app, settings)

    @app.task(name=broker.TASK, bind=True)  # type: ignore[untyped-decorator]
    def run_stage(task: Any, batch: dict[str, Any]) -> None:
        counts = CeleryCounts(node_of(str(task.request.hostname)))
        executor().execute(msgspec.convert(batch, type=Batch), str(task.request.id), counts, on_finished)

    return executor


class Executor:
    """What one worker process holds: connections and models."""

    def __init__(self, app: Celery, settings: Settings) -> None:
        self._settings = settings
        store = connect_store(settings)
        self._redis: Redis = broker.connect(settings)
        self._queues = Queues(app, self._redis)
        self._breaker = Breaker.of(self._redis, settings)
        self._store = store
        self._quarantine = Quarantine(store)
        self._progress = Progress(self._redis, settings.progress_length)
        self._bundles = settings.shelf.in_use()
        self._processing = Processing(store, self._bundles, self._open_stage, settings.store_connections)
        self._models: dict[str, Any] = {}
        self._give_back = GivingBack()
        self._serves: frozenset[str] = frozenset()
        ledger.keep(self._redis, settings.metrics_sources, settings.metrics_entities > 0)
        traces.configure(settings)

    def _open_stage(self, name: str, bundle: Bundle) -> Stage:
        from pipeline.models.neural import NeuralModels  # noqa: PLC0415 (torch, only where stages run)

        models = self._models.setdefault(bundle.language, NeuralModels(bundle))
        started, size = time.perf_counter(), _resident_bytes()
        limits = self._settings.stage_seconds, self._settings.stage_seconds_per_thousand
        stage = Watched(open_stage(name, bundle, models), *limits, self._settings.stage_seconds_hard)
        seconds = time.perf_counter() - started
        metrics.cost.model_load_seconds.labels(name, bundle.language).set(seconds)
        metrics.cost.model_memory.labels(name, bundle.language).set(max(0, _resident_bytes() - size))
        log.info("models loaded", stage=name, language=bundle.language, seconds=round(seconds, 2))
        return stage

    def preload(self, stages: Sequence[str]) -> None:
        """Serve `stages`: their models of the default language are loaded, others' when a document needs them."""
        self._serves = frozenset(stages)
        for stage in stages:
            self._processing.load(stage, self._settings.language)

    def execute(
        self,
        batch: Batch,
        message: str,
        celery: CeleryCounts | None = None,
        on_finished: Callable[[], None] = lambda: None,
    ) -> None:
        """Do everything that a message asks for. Returns when it is done, split, in quarantine or handed back.

        Raises celery's Reject when the store stays away: the message goes back to its queue.
        """
        taken, counts = time.time(), celery or CeleryCounts("")

        def account_of(batch: Batch) -> Account:
            return Account(self._settings, batch, self._progress, counts, taken)

        to_do = [batch]
        while to_do:
            each = to_do.pop(0)
            with account_of(each) as account:
                if each is batch:
                    to_do = self._deliver(account, message)
                else:
                    self._go_on(account, message)
                if not to_do:
                    self._patiently(account, message)(deliveries.forget, self._redis, message)
            on_finished()
        self._queues.finished(batch)
        self._give_back()

    def _patiently(self, account: Account, message: str) -> Callable[..., Any]:
        """Calls a function with its arguments, again and again while broker or store are away."""

        def call(function: Callable[..., Any], *arguments: Any) -> Any:
            return Retrying(
                wait=PAUSES,
                retry=retry_if_exception_type(TRANSIENT),
                before_sleep=lambda state: self._wait(account, message, state),
                reraise=True,
            )(function, *arguments)

        return call

    def _deliver(self, account: Account, message: str) -> list[Batch]:
        """Work on a message; returns what is to be gone on with at once."""
        batch, patiently = account.batch, self._patiently(account, message)
        if self._is_cancelled(account, patiently):
            return []
        count = batch.deliveries + patiently(deliveries.count, self._redis, message)
        account.delivered(count)
        if count > 1 and len(batch.documents) > 1:
            patiently(self._split, account, count - 1)
        elif count > self._settings.max_deliveries and (failures := patiently(self._lost, batch, count - 1)):
            patiently(self._give_up, account, failures, Kind.FATAL, count - 1)
        else:
            return self._work(account, count, patiently)
        return []

    def _go_on(self, account: Account, message: str) -> None:
        """Work on what follows from a message that was delivered for the first time."""
        patiently = self._patiently(account, message)
        if not self._is_cancelled(account, patiently):
            account.delivered(1)
            self._work(account, 1, patiently)

    def _is_cancelled(self, account: Account, patiently: Callable[..., Any]) -> bool:
        campaign = account.batch.campaign
        if campaign is None or not patiently(is_cancelled, self._redis, campaign):
            return False
        account.cancelled()
        return True

    def _work(self, account: Account, count: int, patiently: Callable[..., Any]) -> list[Batch]:
        batch = account.batch
        try:
            following: list[Batch] = patiently(self._run, account, count)
        except Reject:
            raise
        except MemoryError as error:
            # Fatal for the process: what it holds is of no use, and the pool makes another.
            log.critical("out of memory", stage=batch.stage, documents=batch.documents, error=str(error))
            os.kill(os.getpid(), signal.SIGKILL)
            raise
        except Exception as error:
            # Not foreseen, so nobody knows which document it was; Celery would drop the message.
            reason, trace = type(error).__name__, traceback.format_exc()
            failures = [Failure(Place.parse(path), reason, repr(error), trace) for path in batch.documents]
            patiently(self._give_up, account, failures, Kind.PERMANENT, count)
            return []
        return following

    def _run(self, account: Account, count: int) -> list[Batch]:
        """Run the stage; what follows is published, or returned where this process goes on with it at once."""
        batch, began = account.batch, time.perf_counter()
        outcome = self._processing.run(batch.stage, [Place.parse(path) for path in batch.documents], batch.since)
        for failure in list(outcome.failed):
            if self._processing.has_artifact(batch.stage, failure.place, batch.since):
                # Another worker has succeeded meanwhile, and may have died before it could say so.
                outcome.failed.remove(failure)
                outcome.present.append(failure.place)
        seconds = time.perf_counter() - began
        standing = outcome.standing
        following = self._following(batch, standing, count)
        for need, places in outcome.missing.items():
            outcome.failed.extend(self._send_back(account, need, places))
        if standing and (batch.lane is Lane.REPLAY or count > 1 or self._may_be_anothers(account.taken)):
            self._quarantine.drop(standing, [batch.stage])
        account.standing(standing)
        if graph.is_leaf(batch.stage):
            began = time.perf_counter()
            joined = self._processing.join_complete(standing)
            seconds += time.perf_counter() - began
            self._give_up(account, joined.failed, Kind.PERMANENT, count)
            account.recorded(joined)
        self._give_up(account, outcome.failed, Kind.PERMANENT, count)
        self._breaker.done(batch.stage, len(outcome.done))
        account.ran(outcome, seconds)
        return following

    def _following(self, batch: Batch, standing: Sequence[Place], count: int) -> list[Batch]:
        """The stages that `standing` are ready for now: published, but for those this process goes on with at once."""
        if not standing:
            return []
        documents = tuple(place.path for place in standing)
        ready = graph.dependants(batch.stage)
        at_once = self._serves - paused(self._redis).keys() if count == 1 and ready else frozenset()
        following = []
        for stage in ready:
            next_ = msgspec.structs.replace(batch, stage=stage, documents=documents, deliveries=0)
            if stage in at_once:
                following.append(msgspec.structs.replace(next_, enqueued=round(time.time(), 3)))
            else:
                self._queues.publish(next_)
        return following

    def _may_be_anothers(self, taken: float) -> bool:
        """After the visibility timeout somebody else may have had the message, and even given the document up."""
        return time.time() - taken > self._settings.visibility_timeout

    def _send_back(self, account: Account, need: str, places: Sequence[Place]) -> list[Failure]:
        """The models changed while the documents were on their way: what is needed is made anew, and what follows, too.

        Returns the documents as failures instead when they were sent back too often.
        """
        batch = account.batch
        if batch.sent_back >= _MOST_SENT_BACK:
            error = (
                f"{batch.stage} needs the document's {need}, which was made {batch.sent_back} times and is not there: "
                "do all workers have the same models?"
            )
            return [Failure(place, "need-missing", error, "") for place in places]
        again = msgspec.structs.replace(
            batch,
            stage=need,
            documents=tuple(place.path for place in places),
            deliveries=0,
            sent_back=batch.sent_back + 1,
        )
        self._queues.publish(again)
        account.sent_back(need, len(places))
        return []

    def _split(self, account: Account, lost: int) -> None:
        """One document brought the worker down, and nobody knows which: each goes on alone."""
        for path in account.batch.documents:
            self._queues.publish(msgspec.structs.replace(account.batch, documents=(path,), deliveries=lost))
        account.split(lost)

    def _lost(self, batch: Batch, times: int) -> list[Failure]:
        """The documents that lose their workers, but for those that one of these finished before it was lost.

        What follows from their artifacts is still to be done, and if it is that which kills, not without end either.
        """
        error = f"its worker was lost {times} times while working on it (killed, crashed, hung or out of memory)"
        places = [Place.parse(path) for path in batch.documents]
        return [
            Failure(place, "worker-lost", error, "")
            for place in places
            if times >= 2 * self._settings.max_deliveries
            or not self._processing.has_artifact(batch.stage, place, batch.since)
        ]

    def _give_up(self, account: Account, failures: Sequence[Failure], kind: Kind, count: int) -> None:
        """Into quarantine; unless so many fail that the documents are not to blame. What was taken down is let go."""
        failures = [failure for failure in failures if removal_of(self._store, failure.place.id) is None]
        if not failures:
            return
        batch = account.batch
        if self._breaker.failed(batch.stage, len(failures)):
            documents = tuple(failure.place.path for failure in failures)
            self._queues.publish(msgspec.structs.replace(batch, documents=documents, deliveries=0))
            account.held_by_breaker(failures)
            return
        for failure in failures:
            self._quarantine.put(batch.stage, failure, kind, count)
        account.given_up(failures, kind)

    def _wait(self, account: Account, message: str, state: RetryCallState) -> None:
        """Before each pause. A store that stays away may be there for another worker: the message is handed back."""
        error = cast(BaseException, state.outcome.exception() if state.outcome else None)
        account.waits(error, state.attempt_number)
        # A worker that is stopped while it waits was not brought down by its documents.
        with contextlib.suppress(RedisError):
            deliveries.forget(self._redis, message)
        waited = state.seconds_since_start or 0.0
        if isinstance(error, STORE_IS_AWAY) and waited > self._settings.hand_back_seconds:
            account.handed_back(waited)
            raise Reject(str(error), requeue=True)


def _resident_bytes() -> int:
    try:
        return processes.resident_bytes(os.getpid())
    except OSError:  # no /proc
        return 0
