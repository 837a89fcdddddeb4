"""OpenTelemetry's SDK, set up for services/traces.py. Imported only when EFIR_TRACES is set."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, set_span_in_context
from opentelemetry.trace.status import Status, StatusCode
from opentelemetry.util.types import AttributeValue

from services.version import version

# How long a process that ends waits for its collector.
_EXPORT_SECONDS = 5


class _Ids(IdGenerator):
    """Random, but for a root, whose ids are given."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()
        self._given = threading.local()

    def give(self, trace: int, span: int) -> None:
        self._given.trace, self._given.span = trace, span

    def generate_span_id(self) -> int:
        given: int | None = self._given.__dict__.pop("span", None)
        return self._random.generate_span_id() if given is None else given

    def generate_trace_id(self) -> int:
        given: int | None = self._given.__dict__.pop("trace", None)
        return self._random.generate_trace_id() if given is None else given


class Tracing:
    def __init__(self, endpoint: str, share: float, exporter: SpanExporter | None) -> None:
        self.share = share
        self._ids = _Ids()
        self._provider = TracerProvider(
            id_generator=self._ids,
            resource=Resource.create({"service.name": "efir", "service.version": version()}),
            shutdown_on_exit=False,
        )
        exporter = exporter or OTLPSpanExporter(endpoint=endpoint, timeout=_EXPORT_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("efir")

    def root(
        self, name: str, trace: int, span: int, attributes: Mapping[str, AttributeValue], started: int, ended: int
    ) -> None:
        """Times in nanoseconds of Unix time."""
        self._ids.give(trace, span)
        made = self._tracer.start_span(
            name, context=Context(), kind=SpanKind.PRODUCER, attributes=attributes, start_time=started
        )
        made.end(ended)

    def close(self) -> None:
        """Send what is left, for as long as the exporter takes at most."""
        self._provider.shutdown()

    def child(
        self,
        name: str,
        trace: int,
        root: int,
        attributes: Mapping[str, AttributeValue],
        started: int,
        ended: int,
        error: str | None,
    ) -> None:
        above = SpanContext(trace, root, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
        made = self._tracer.start_span(
            name,
            context=set_span_in_context(NonRecordingSpan(above)),
            kind=SpanKind.CONSUMER,
            attributes=attributes,
            start_time=started,
        )
        if error is not None:
            made.set_status(Status(StatusCode.ERROR, error))
        made.end(ended)
