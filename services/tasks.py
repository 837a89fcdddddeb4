"""The one task that runs any stage on a batch of documents, and what follows from it.

A message may come twice, its worker may die at any line, and another worker may hold the same document: nothing here
needs to know, because artifacts are created once and everything else follows from them. What is counted is how often
a message was delivered: a batch that lost its worker is split into single documents, and a document that loses its
worker again and again ends in quarantine.
"""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, cast

import msgspec
from celery import Celery
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from pipeline import graph
from pipeline.models.bundle import Bundle, installed
from pipeline.processing import Failure, Processing
from pipeline.stages import Stage, open_stage
from pipeline.store import StoreRefused, StoreUnavailable
from pipeline.transcript import Place
from services import broker, logs, metrics
from services.broker import Batch
from services.object_store import connect_store
from services.progress import Progress
from services.quarantine import Quarantine
from services.settings import Settings
from services.watchdog import Watched

# What passes by itself, or when an operator mends it. The worker waits with its documents in hand and its lease
# renewed; going on would only burn through the queue. A refusal is waited for too: keys can be corrected, a
# document given up for a wrong key could not.
_TRANSIENT = (StoreUnavailable, StoreRefused, RedisError, OperationalError)
_LONGEST_WAIT_SECONDS = 30
# Workers of two versions could send a document to and fro for ever; an upgrade sends it back once.
_MOST_SENT_BACK = 2
# A count outlives every redelivery and is removed when the message is done.
_COUNT_SECONDS = 24 * 3600

log = logs.get("efir.stage")


def bind(app: Celery, settings: Settings) -> Callable[[], Executor]:
    """Add the task to `app`. The returned function gives this process's executor, made when first asked for."""

    @cache
    def executor() -> Executor:
        return Executor(app, settings)

    @app.task(name=broker.TASK, bind=True)  # type: ignore[untyped-decorator]
    def run_stage(task: Any, batch: dict[str, Any]) -> None:
        executor().execute(msgspec.convert(batch, type=Batch), str(task.request.id))

    return executor


class Executor:
    """What one worker process holds: connections and models."""

    def __init__(self, app: Celery, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        store = connect_store(settings)
        store.observer = metrics.observe_store
        self._redis: Redis = broker.connect(settings)
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
        stage = Watched(open_stage(name, bundle, models), *limits)
        log.info("models loaded", stage=name, language=bundle.language, seconds=round(time.perf_counter() - started, 2))
        return stage

    def preload(self, stages: Sequence[str]) -> None:
        """Load the default language's models of `stages`; other languages' are loaded when a document needs them."""
        for stage in stages:
            self._processing.load(stage, self._settings.language)

    def execute(self, batch: Batch, message: str) -> None:
        """Do everything that a message asks for. Returns when it is done, split or in quarantine."""
        started = time.perf_counter()
        patiently = Retrying(
            wait=wait_random_exponential(multiplier=0.5, max=_LONGEST_WAIT_SECONDS),
            retry=retry_if_exception_type(_TRANSIENT),
            before_sleep=lambda state: self._tell_waiting(batch, message, state),
            reraise=True,
        )
        metrics.batch_documents.labels(batch.stage).observe(len(batch.documents))
        deliveries = batch.deliveries + patiently(self._count_delivery, message)
        if deliveries > 1:
            metrics.redeliveries.labels(batch.stage, batch.lane).inc()
        if deliveries > 1 and len(batch.documents) > 1:
            patiently(self._split, batch, deliveries - 1)
        elif deliveries > self._settings.max_deliveries:
            lost = deliveries - 1
            error = f"its worker was lost {lost} times while working on it (killed, crashed, hung or out of memory)"
            failures = [Failure(Place.parse(path), error, "") for path in batch.documents]
            patiently(self._give_up, batch, failures, lost)
        else:
            try:
                patiently(self._run, batch, deliveries)
            except Exception as error:
                # Not foreseen, so nobody knows which document it was; Celery would drop the message.
                trace = traceback.format_exc()
                failures = [Failure(Place.parse(path), repr(error), trace) for path in batch.documents]
                patiently(self._give_up, batch, failures, deliveries)
        patiently(self._redis.delete, _count_key(message))
        metrics.task_seconds.labels(batch.stage, batch.lane).observe(time.perf_counter() - started)

    def _count_delivery(self, message: str) -> int:
        pipe = self._redis.pipeline()
        pipe.incr(_count_key(message))
        pipe.expire(_count_key(message), _COUNT_SECONDS)
        return int(pipe.execute()[0])

    def _run(self, batch: Batch, deliveries: int) -> None:
        outcome = self._processing.run(batch.stage, [Place.parse(path) for path in batch.documents])
        standing = outcome.standing
        for dependant in graph.dependants(batch.stage) if standing else ():
            documents = tuple(place.path for place in standing)
            broker.publish(
                self._app, msgspec.structs.replace(batch, stage=dependant, documents=documents, deliveries=0)
            )
        for need, places in outcome.missing.items():
            outcome.failed.extend(self._send_back(batch, need, places))
        self._progress.tell(batch.stage, "done", standing)
        if graph.is_leaf(batch.stage):
            joined = self._processing.join_complete(standing)
            outcome.failed.extend(joined.failed)
            self._progress.tell("record", "done", joined.done)
            metrics.records.labels(batch.lane).inc(len(joined.done))
            for place in joined.done:
                metrics.record_age_seconds.labels(batch.lane).observe(time.time() - batch.admitted)
                log.info("recorded", document=place.id, lane=batch.lane)
        if outcome.failed:
            self._give_up(batch, outcome.failed, deliveries)
        for name, places in (("done", outcome.done), ("present", outcome.present)):
            metrics.documents.labels(batch.stage, batch.lane, name).inc(len(places))
            for place in places:
                log.info("stage " + name, stage=batch.stage, document=place.id)
        if outcome.done:
            metrics.stage_seconds.labels(batch.stage).observe(outcome.seconds)
            metrics.tokens.labels(batch.stage).inc(outcome.tokens)

    def _send_back(self, batch: Batch, need: str, places: Sequence[Place]) -> list[Failure]:
        """The models changed while the documents were on their way: what is needed is made anew, and what follows, too.

        Returns the documents as failures instead when they were sent back too often.
        """
        if batch.sent_back >= _MOST_SENT_BACK:
            error = (
                f"{batch.stage} needs the document's {need}, which was made {batch.sent_back} times and is not there"
            )
            return [Failure(place, f"{error}: do all workers have the same models?", "") for place in places]
        again = msgspec.structs.replace(
            batch,
            stage=need,
            documents=tuple(place.path for place in places),
            deliveries=0,
            sent_back=batch.sent_back + 1,
        )
        broker.publish(self._app, again)
        log.info("sent back", stage=need, documents=len(places), needed_by=batch.stage)
        return []

    def _split(self, batch: Batch, lost: int) -> None:
        """One document brought the worker down, and nobody knows which: each goes on alone."""
        for path in batch.documents:
            broker.publish(self._app, msgspec.structs.replace(batch, documents=(path,), deliveries=lost))
        log.warning("batch split", stage=batch.stage, documents=len(batch.documents), deliveries=lost)

    def _give_up(self, batch: Batch, failures: Sequence[Failure], deliveries: int) -> None:
        for failure in failures:
            entry = self._quarantine.put(failure.place, batch.stage, failure.error, failure.traceback, deliveries)
            log.error("quarantined", stage=batch.stage, document=entry.document, error=entry.error)
        self._progress.tell(batch.stage, "quarantined", [failure.place for failure in failures])
        metrics.documents.labels(batch.stage, batch.lane, "quarantined").inc(len(failures))

    def _tell_waiting(self, batch: Batch, message: str, state: RetryCallState) -> None:
        error = cast(BaseException, state.outcome.exception() if state.outcome else None)
        is_store = isinstance(error, StoreUnavailable | StoreRefused)
        metrics.transient_errors.labels(batch.stage, "store" if is_store else "broker").inc()
        log.warning("waiting", stage=batch.stage, attempt=state.attempt_number, error=str(error))
        # A worker that is stopped while it waits was not brought down by its documents.
        with contextlib.suppress(RedisError):
            self._redis.delete(_count_key(message))


def _count_key(message: str) -> str:
    return f"efir:deliveries:{message}"
