"""The one task that runs any stage on a batch of documents, and what follows from it.

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
from pipeline.models.bundle import Bundle, installed
from pipeline.processing import Processing
from pipeline.stages import Stage, open_stage
from pipeline.transcript import Place
from services import broker, deliveries, logs, metrics
from services.breaker import Breaker
from services.broker import Batch, Lane
from services.campaigns import is_cancelled
from services.failures import PAUSES, STORE_IS_AWAY, TRANSIENT, Kind, cause
from services.object_store import connect_store
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

    `on_finished` is called after every message that came to an end.
    """

    @cache
    def executor() -> Executor:
        return Executor(app, settings)

    @app.task(name=broker.TASK, bind=True)  # type: ignore[untyped-decorator]
    def run_stage(task: Any, batch: dict[str, Any]) -> None:
        executor().execute(msgspec.convert(batch, type=Batch), str(task.request.id))
        on_finished()

    return executor


class Executor:
    """What one worker process holds: connections and models."""

    def __init__(self, app: Celery, settings: Settings) -> None:
        self._settings = settings
        store = connect_store(settings)
        store.observer = metrics.observe_store
        self._redis: Redis = broker.connect(settings)
        self._queues = Queues(app, self._redis)
        self._breaker = Breaker.of(self._redis, settings)
        self._quarantine = Quarantine(store)
        self._progress = Progress(self._redis, settings.progress_length)
        self._bundles = installed(settings.bundles)
        self._processing = Processing(store, self._bundles, self._open_stage, settings.store_connections)
        self._models: dict[str, Any] = {}

    def _open_stage(self, name: str, bundle: Bundle) -> Stage:
        from pipeline.models.neural import NeuralModels  # noqa: PLC0415 (torch, only where stages run)

        models = self._models.setdefault(bundle.language, NeuralModels(bundle))
        started = time.perf_counter()
        limits = self._settings.stage_seconds, self._settings.stage_seconds_per_thousand
        stage = Watched(open_stage(name, bundle, models), *limits, self._settings.stage_seconds_hard)
        log.info("models loaded", stage=name, language=bundle.language, seconds=round(time.perf_counter() - started, 2))
        return stage

    def preload(self, stages: Sequence[str]) -> None:
        """Load the default language's models of `stages`; other languages' are loaded when a document needs them."""
        for stage in stages:
            self._processing.load(stage, self._settings.language)

    def execute(self, batch: Batch, message: str) -> None:
        """Do everything that a message asks for. Returns when it is done, split, in quarantine or handed back.

        Raises celery's Reject when the store stays away: the message goes back to its queue.
        """
        started = time.time()
        metrics.batch_documents.labels(batch.stage).observe(len(batch.documents))

        def patiently(function: Callable[..., Any], *arguments: Any) -> Any:
            return Retrying(
                wait=PAUSES,
                retry=retry_if_exception_type(TRANSIENT),
                before_sleep=lambda state: self._wait(batch, message, state),
                reraise=True,
            )(function, *arguments)

        try:
            self._deliver(batch, message, started, patiently)
        finally:
            metrics.waiting.labels("store").set(0)
            metrics.waiting.labels("broker").set(0)
        patiently(deliveries.forget, self._redis, message)
        self._queues.finished(batch)
        metrics.task_seconds.labels(batch.stage, batch.lane).observe(time.time() - started)

    def _deliver(self, batch: Batch, message: str, started: float, patiently: Callable[..., Any]) -> None:
        if batch.campaign is not None and patiently(is_cancelled, self._redis, batch.campaign):
            log.info("cancelled", campaign=batch.campaign, stage=batch.stage, documents=len(batch.documents))
            return
        count = batch.deliveries + patiently(deliveries.count, self._redis, message)
        if count > 1:
            metrics.redeliveries.labels(batch.stage, batch.lane).inc()
        if count > 1 and len(batch.documents) > 1:
            patiently(self._split, batch, count - 1)
        elif count > self._settings.max_deliveries and (failures := patiently(self._lost, batch, count - 1)):
            patiently(self._give_up, batch, failures, Kind.FATAL, count - 1)
        else:
            try:
                patiently(self._run, batch, count, started)
            except Reject:
                raise
            except MemoryError as error:
                # Fatal for the process: what it holds is of no use, and the pool makes another.
                log.critical("out of memory", stage=batch.stage, documents=batch.documents, error=str(error))
                os.kill(os.getpid(), signal.SIGKILL)
            except Exception as error:
                # Not foreseen, so nobody knows which document it was; Celery would drop the message.
                reason, trace = type(error).__name__, traceback.format_exc()
                failures = [Failure(Place.parse(path), reason, repr(error), trace) for path in batch.documents]
                patiently(self._give_up, batch, failures, Kind.PERMANENT, count)

    def _run(self, batch: Batch, count: int, started: float) -> None:
        outcome = self._processing.run(batch.stage, [Place.parse(path) for path in batch.documents], batch.since)
        for failure in list(outcome.failed):
            if self._processing.has_artifact(batch.stage, failure.place, batch.since):
                # Another worker has succeeded meanwhile, and may have died before it could say so.
                outcome.failed.remove(failure)
                outcome.present.append(failure.place)
        standing = outcome.standing
        for dependant in graph.dependants(batch.stage) if standing else ():
            documents = tuple(place.path for place in standing)
            self._queues.publish(msgspec.structs.replace(batch, stage=dependant, documents=documents, deliveries=0))
        for need, places in outcome.missing.items():
            outcome.failed.extend(self._send_back(batch, need, places))
        if standing and (batch.lane is Lane.REPLAY or count > 1 or self._may_be_anothers(started)):
            self._quarantine.drop(standing, [batch.stage])
        self._progress.tell(batch.stage, "done", standing)
        if graph.is_leaf(batch.stage):
            joined = self._processing.join_complete(standing)
            self._give_up(batch, joined.failed, Kind.PERMANENT, count)
            self._progress.tell("record", "done", joined.done)
            metrics.records.labels(batch.lane).inc(len(joined.done))
            for place in joined.done:
                metrics.record_age_seconds.labels(batch.lane).observe(time.time() - batch.admitted)
                log.info("recorded", document=place.id, lane=batch.lane)
        self._give_up(batch, outcome.failed, Kind.PERMANENT, count)
        self._breaker.done(batch.stage, len(outcome.done))
        for name, places in (("done", outcome.done), ("present", outcome.present)):
            metrics.documents.labels(batch.stage, batch.lane, name).inc(len(places))
            for place in places:
                log.info("stage " + name, stage=batch.stage, document=place.id)
        if outcome.done:
            metrics.stage_seconds.labels(batch.stage).observe(outcome.seconds)
            metrics.tokens.labels(batch.stage).inc(outcome.tokens)

    def _may_be_anothers(self, started: float) -> bool:
        """After the visibility timeout somebody else may have had the message, and even given the document up."""
        return time.time() - started > self._settings.visibility_timeout

    def _send_back(self, batch: Batch, need: str, places: Sequence[Place]) -> list[Failure]:
        """The models changed while the documents were on their way: what is needed is made anew, and what follows, too.

        Returns the documents as failures instead when they were sent back too often.
        """
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
        log.info("sent back", stage=need, documents=len(places), needed_by=batch.stage)
        return []

    def _split(self, batch: Batch, lost: int) -> None:
        """One document brought the worker down, and nobody knows which: each goes on alone."""
        for path in batch.documents:
            self._queues.publish(msgspec.structs.replace(batch, documents=(path,), deliveries=lost))
        log.warning("batch split", stage=batch.stage, documents=len(batch.documents), deliveries=lost)

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

    def _give_up(self, batch: Batch, failures: Sequence[Failure], kind: Kind, count: int) -> None:
        """Into quarantine; unless so many fail that the documents are not to blame."""
        if not failures:
            return
        if self._breaker.failed(batch.stage, len(failures)):
            documents = tuple(failure.place.path for failure in failures)
            self._queues.publish(msgspec.structs.replace(batch, documents=documents, deliveries=0))
            metrics.breaker_held.labels(batch.stage).inc(len(failures))
            log.error("breaker open", stage=batch.stage, documents=len(failures), error=failures[0].error)
            return
        for failure in failures:
            entry = self._quarantine.put(batch.stage, failure, kind, count)
            log.error("quarantined", stage=batch.stage, document=entry.document, kind=kind, error=entry.error)
        self._progress.tell(batch.stage, "quarantined", [failure.place for failure in failures])
        metrics.documents.labels(batch.stage, batch.lane, "quarantined").inc(len(failures))

    def _wait(self, batch: Batch, message: str, state: RetryCallState) -> None:
        """Before each pause. A store that stays away may be there for another worker: the message is handed back."""
        error = cast(BaseException, state.outcome.exception() if state.outcome else None)
        metrics.transient_errors.labels(batch.stage, cause(error)).inc()
        metrics.waiting.labels(cause(error)).set(1)
        log.warning("waiting", stage=batch.stage, attempt=state.attempt_number, error=str(error))
        # A worker that is stopped while it waits was not brought down by its documents.
        with contextlib.suppress(RedisError):
            deliveries.forget(self._redis, message)
        waited = state.seconds_since_start or 0.0
        if isinstance(error, STORE_IS_AWAY) and waited > self._settings.hand_back_seconds:
            log.warning("handed back", stage=batch.stage, documents=len(batch.documents), waited=round(waited))
            raise Reject(str(error), requeue=True)
