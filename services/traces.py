"""Traces through the queue, for those who run a collector of OpenTelemetry: EFIR_TRACES=http://collector:4318.

One trace a document, from its admission to its record, and one span a stage. A message names up to 32 documents that
are worked on together: one trace a batch would be nobody's story, and would fall apart when batches are split. So each
document of a batch has a span of its own, with the times of its batch.

Nothing is carried in messages. A trace's id follows from what they say anyway: the 24 digits of the document's id, then
the second in which it was admitted, in 8 hexadecimal digits. So messages do not grow, whoever knows the document knows
the trace, and every process agrees on which traces are kept (EFIR_TRACES_SHARE) without asking.

Off by default. Spans go out in batches from a thread of their own; when the collector is away they are dropped.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipeline.failure import Failure
from pipeline.transcript import Place
from services.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

    from services.broker import Batch
    from services.tracing import Tracing

_PATH = "/v1/traces"  # https://opentelemetry.io/docs/specs/otlp/#otlphttp-request
_NANO = 1_000_000_000


class TracesError(Exception):
    """EFIR_TRACES is set, and what it needs is not installed."""


_tracings: dict[int, Tracing] = {}  # by process id: a forked process makes its own


def check(settings: Settings) -> None:
    """Raises TracesError when there should be traces and cannot."""
    if settings.traces is not None:
        _import()


def configure(settings: Settings, exporter: SpanExporter | None = None) -> None:
    """Send spans from now on, if the settings say so. Raises TracesError when the extra `traces` is not installed.

    Called in every process that admits or works, after it was forked; again it does nothing. `exporter` is for tests.
    """
    if settings.traces is None or (_tracing() is not None and exporter is None):
        return
    endpoint = settings.traces if settings.traces.endswith(_PATH) else settings.traces.rstrip("/") + _PATH
    _tracings[os.getpid()] = _import()(endpoint, settings.traces_share, exporter)
    atexit.register(close)


def close() -> None:
    """Send what is left, in a process that ends."""
    if (tracing := _tracings.pop(os.getpid(), None)) is not None:
        tracing.close()


def _import() -> type[Tracing]:
    try:
        from services.tracing import Tracing  # noqa: PLC0415 (not installed with everything else)
    except ImportError as error:
        raise TracesError(
            f"EFIR_TRACES is set, but {error.name} is not installed: pip install 'efir[traces]'"
        ) from error
    return Tracing


def _tracing() -> Tracing | None:
    return _tracings.get(os.getpid())


def trace_id(document: str, admitted: float) -> int:
    """Of the document with the id `document`, admitted (or enqueued again) at the Unix time `admitted`."""
    return int(document.replace("-", "") + f"{int(admitted) & 0xFFFFFFFF:08x}", 16)


def root_id(trace: int) -> int:
    """The id of the span that the others of a trace are in."""
    return int.from_bytes(hashlib.sha256(trace.to_bytes(16, "big")).digest()[:8], "big") or 1


def is_kept(trace: int, share: float) -> bool:
    """By the trace's last 64 bits, as OpenTelemetry's samplers do: they begin with a digest of the text."""
    return trace & 0xFFFFFFFFFFFFFFFF < share * 2**64


def begin(batch: Batch) -> None:
    """The documents of a batch were admitted, or enqueued anew: their traces begin."""
    if (tracing := _tracing()) is None:
        return
    name = "admission" if batch.lane == "live" else "replay"
    now = time.time()
    for path in batch.documents:
        document = Place.parse(path).id
        trace = trace_id(document, batch.admitted)
        if is_kept(trace, tracing.share):
            attributes = {"efir.document": document, "efir.lane": str(batch.lane), "efir.first_stage": batch.stage}
            if batch.campaign:
                attributes["efir.campaign"] = batch.campaign
            tracing.root(name, trace, root_id(trace), attributes, _nano(batch.admitted), _nano(now))


class Spans:
    """The spans of one message: one a document, made when the message is done with."""

    def __init__(self, batch: Batch, started: float) -> None:
        self._batch = batch
        self._started = started
        self._outcomes: dict[str, str] = {}
        self._failures: dict[str, Failure] = {}
        self._recorded: set[str] = set()
        self._tracing = _tracing()

    def tell(self, places: Sequence[Place], outcome: str) -> None:
        if self._tracing is not None:
            self._outcomes.update((place.path, outcome) for place in places)

    def recorded(self, places: Sequence[Place]) -> None:
        if self._tracing is not None:
            self._recorded.update(place.path for place in places)

    def failed(self, failure: Failure) -> None:
        if self._tracing is not None:
            self._failures[failure.place.path] = failure

    def end(self) -> None:
        """What nothing was said of waits, was split off, sent back or dropped; its span says no outcome."""
        if self._tracing is None:
            return
        ended = _nano(time.time())
        for path in self._batch.documents:
            place = Place.parse(path)
            trace = trace_id(place.id, self._batch.admitted)
            if not is_kept(trace, self._tracing.share):
                continue
            failure = self._failures.get(path)
            attributes: dict[str, Any] = {
                "efir.document": place.id,
                "efir.stage": self._batch.stage,
                "efir.lane": str(self._batch.lane),
                "efir.outcome": "quarantined" if failure else self._outcomes.get(path, ""),
                "efir.recorded": path in self._recorded,
                "messaging.batch.message_count": len(self._batch.documents),
            }
            if self._batch.enqueued:
                attributes["efir.queue_wait_seconds"] = max(0.0, self._started - self._batch.enqueued)
            error = f"{failure.reason}: {failure.error}" if failure else None
            self._tracing.child(
                self._batch.stage, trace, root_id(trace), attributes, _nano(self._started), ended, error
            )


def _nano(seconds: float) -> int:
    return int(seconds * _NANO)
