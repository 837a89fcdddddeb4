"""The account of one message: what is told of the work on it, in counts, log lines, notices and spans.

The work itself is services/tasks.py; that it has to say nothing more than what happened keeps it short.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType

from pipeline.failure import Failure
from pipeline.processing import Outcome
from pipeline.transcript import Place
from services import content, logs, metrics, traces
from services.broker import Batch
from services.celery_counts import CeleryCounts
from services.failures import Kind, cause
from services.progress import Progress
from services.settings import Settings

log = logs.get("efir.stage")


class Account:
    """Open from the beginning of the work on a stage of a message to its end, whatever that is.

    `taken`: when the message was taken from its queue, Unix time; now if None.
    """

    def __init__(
        self, settings: Settings, batch: Batch, progress: Progress, celery: CeleryCounts, taken: float | None = None
    ) -> None:
        self._settings = settings
        self.batch = batch
        self._progress = progress
        self._celery = celery
        self.started = time.time()
        self.taken = self.started if taken is None else taken
        self._processor = time.process_time()
        self._reason: str | None = None  # of the first document that was given up
        self._is_ended_early = False
        self._spans = traces.Spans(batch, self.started)

    def __enter__(self) -> Account:
        metrics.speed.batch_documents.labels(self.batch.stage).observe(len(self.batch.documents))
        self._celery.started(self.batch)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        metrics.up.waiting.labels("store").set(0)
        metrics.up.waiting.labels("broker").set(0)
        metrics.cost.stage_cpu.labels(self.batch.stage).inc(time.process_time() - self._processor)
        self._spans.end()
        if error is not None or self._is_ended_early:
            return
        seconds = time.time() - self.started
        metrics.speed.task_seconds.labels(self.batch.stage, self.batch.lane).observe(seconds)
        self._celery.ended(self.batch, seconds, self._reason)

    def cancelled(self) -> None:
        self._is_ended_early = True
        self._celery.revoked(self.batch)
        log.info("cancelled", campaign=self.batch.campaign, stage=self.batch.stage, documents=len(self.batch.documents))

    def delivered(self, count: int) -> None:
        """For the `count`th time."""
        if count > 1:
            metrics.failing.redeliveries.labels(self.batch.stage, self.batch.lane).inc()
        elif self.batch.enqueued:
            waited = max(0.0, self.started - self.batch.enqueued)
            metrics.speed.queue_wait.labels(self.batch.stage, self.batch.lane).observe(waited)

    def split(self, lost: int) -> None:
        metrics.failing.batches_split.labels(self.batch.stage).inc()
        log.warning("batch split", stage=self.batch.stage, documents=len(self.batch.documents), deliveries=lost)

    def sent_back(self, need: str, documents: int) -> None:
        metrics.failing.sent_back.labels(self.batch.stage, need).inc(documents)
        log.info("sent back", stage=need, documents=documents, needed_by=self.batch.stage)

    def ran(self, outcome: Outcome, seconds: float) -> None:
        """The stage and, where it is a leaf, the join took `seconds`, of computing and of everything else."""
        stage = self.batch.stage
        for name, places in (("done", outcome.done), ("present", outcome.present), ("gone", outcome.gone)):
            metrics.speed.documents.labels(stage, self.batch.lane, name).inc(len(places))
            self._spans.tell(places, name)
            for place in places:
                log.info("stage " + name, stage=stage, document=place.id)
        metrics.speed.stage_store_seconds.labels(stage).observe(max(0.0, seconds - outcome.seconds))
        if outcome.done:
            metrics.speed.stage_seconds.labels(stage).observe(outcome.seconds)
            metrics.speed.tokens.labels(stage).inc(outcome.tokens)
            metrics.speed.characters.labels(stage).inc(outcome.characters)
            shares = (
                len(outcome.done) / self._settings.batch_documents,
                outcome.characters / self._settings.batch_characters,
            )
            metrics.speed.batch_fill.labels(stage).observe(max(shares))

    def standing(self, places: Sequence[Place]) -> None:
        self._progress.tell(self.batch.stage, "done", places)

    def recorded(self, joined: Outcome) -> None:
        self._progress.tell("record", "done", joined.done)
        lane = self.batch.lane
        metrics.fresh.records.labels(lane).inc(len(joined.done))
        content.count(joined.records, lane)
        self._spans.recorded(joined.done)
        for place in joined.done:
            metrics.fresh.record_age.labels(lane).observe(time.time() - self.batch.admitted)
            metrics.up.last_record.labels(lane).now()
            log.info("recorded", document=place.id, lane=lane)

    def given_up(self, failures: Sequence[Failure], kind: Kind) -> None:
        stage = self.batch.stage
        self._progress.tell(stage, "quarantined", [failure.place for failure in failures])
        metrics.speed.documents.labels(stage, self.batch.lane, "quarantined").inc(len(failures))
        for failure in failures:
            self._reason = self._reason or failure.reason
            metrics.failing.failures.labels(stage, kind, failure.reason).inc()
            self._spans.failed(failure)
            log.error("quarantined", stage=stage, document=failure.place.id, kind=kind, error=failure.error)

    def held_by_breaker(self, failures: Sequence[Failure]) -> None:
        metrics.failing.breaker_held.labels(self.batch.stage).inc(len(failures))
        self._spans.tell([failure.place for failure in failures], "held")
        log.error("breaker open", stage=self.batch.stage, documents=len(failures), error=failures[0].error)

    def waits(self, error: BaseException, attempt: int) -> None:
        metrics.failing.transient_errors.labels(self.batch.stage, cause(error)).inc()
        metrics.up.waiting.labels(cause(error)).set(1)
        self._celery.retried(self.batch)
        log.warning("waiting", stage=self.batch.stage, attempt=attempt, error=str(error))

    def handed_back(self, waited: float) -> None:
        self._is_ended_early = True
        metrics.failing.handed_back.labels(self.batch.stage).inc()
        self._celery.rejected(self.batch)
        log.warning("handed back", stage=self.batch.stage, documents=len(self.batch.documents), waited=round(waited))
