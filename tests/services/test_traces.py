"""Spans of documents through the queue, with OpenTelemetry's SDK and a collector on this machine."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace.status import StatusCode
from pydantic import SecretStr

from pipeline.failure import Failure
from pipeline.processing import Outcome
from pipeline.store import ArtifactStore
from pipeline.transcript import Place, Transcript
from services import broker, tasks, traces
from services.account import Account
from services.admission import Admission
from services.broker import Batch, Lane
from services.celery_counts import CeleryCounts
from services.failures import Kind
from services.progress import Progress
from services.queues import Queues, read_message
from services.settings import Settings

ONE, TWO = "2026/01/02/tests/0123456789abcdef-01234567", "2026/01/02/tests/fedcba9876543210-f7654321"


@pytest.fixture
def spans(settings: Settings) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    exporter.shutdown = lambda: None  # type: ignore[method-assign]  # or it would forget them
    traces.configure(settings.model_copy(update={"traces": "http://127.0.0.1:9"}), exporter)
    yield exporter
    traces.close()


def batch(*documents: str, lane: Lane = Lane.LIVE, admitted: float = 1_767_355_200.25) -> Batch:
    return Batch(stage="parse", lane=lane, documents=documents, admitted=admitted)


def account(settings: Settings, message: Batch) -> Account:
    client = broker.connect(settings)
    return Account(settings, message, Progress(client, 100), CeleryCounts("tests"))


def sent(exporter: InMemorySpanExporter) -> list[ReadableSpan]:
    traces.close()
    return sorted(exporter.get_finished_spans(), key=lambda span: (span.name, str(span.attributes)))


def test_a_trace_is_found_from_the_document_and_the_second_of_its_admission() -> None:
    trace = traces.trace_id(Place.parse(ONE).id, 1_767_355_200.25)
    assert f"{trace:032x}" == "0123456789abcdef" + "01234567" + f"{1_767_355_200:08x}"
    assert traces.root_id(trace) == traces.root_id(trace) != traces.root_id(trace + 1)


def test_each_document_of_a_batch_has_a_span_in_its_own_trace(settings: Settings, spans: InMemorySpanExporter) -> None:
    queues = Queues(broker.create_app(settings), broker.connect(settings))
    message = batch(ONE, TWO)
    queues.publish(message)
    done, failed = Place.parse(ONE), Place.parse(TWO)
    with account(settings, message) as open_account:
        outcome = Outcome(done=[done], failed=[Failure(failed, "TooSlow", "not finished", "")])
        open_account.given_up(outcome.failed, Kind.PERMANENT)
        open_account.ran(outcome, 0.1)
    queues.publish(Batch(stage="topics", lane=Lane.LIVE, documents=(ONE,), admitted=message.admitted, enqueued=1.0))
    admission_two, admission_one, parse_one, parse_two = _by_outcome(sent(spans))
    for place, root, stage in ((done, admission_one, parse_one), (failed, admission_two, parse_two)):
        assert root.context.trace_id == stage.context.trace_id == traces.trace_id(place.id, message.admitted)
        assert stage.parent is not None and stage.parent.span_id == root.context.span_id
        assert root.parent is None
        assert stage.attributes is not None and stage.attributes["efir.document"] == place.id
        assert stage.attributes["messaging.batch.message_count"] == 2
    assert parse_one.status.status_code is StatusCode.UNSET
    assert parse_two.status.status_code is StatusCode.ERROR
    assert parse_two.status.description == "TooSlow: not finished"


def _by_outcome(found: list[ReadableSpan]) -> list[ReadableSpan]:
    assert [span.name for span in found] == ["admission", "admission", "parse", "parse"]  # and none for what goes on

    def key(span: ReadableSpan) -> Any:
        assert span.attributes is not None
        is_two = span.attributes["efir.document"] == Place.parse(TWO).id
        return span.name, is_two if span.name == "parse" else not is_two

    return sorted(found, key=key)


def test_messages_are_the_same_with_traces_and_without(settings: Settings) -> None:
    client = broker.connect(settings)
    client.flushdb()
    queues = Queues(broker.create_app(settings), client)
    queues.publish(batch(ONE))
    traces.configure(settings.model_copy(update={"traces": "http://127.0.0.1:9"}), InMemorySpanExporter())
    queues.publish(batch(ONE))
    traces.close()
    with_traces, without = (read_message(raw) for raw in client.lrange("parse.live", 0, -1))
    assert with_traces == Batch(**{**_fields(without), "enqueued": with_traces.enqueued})
    assert abs(with_traces.enqueued - time.time()) < 30


def _fields(batch: Batch) -> dict[str, Any]:
    return {name: getattr(batch, name) for name in batch.__struct_fields__}


def test_the_same_share_is_kept_by_everybody() -> None:
    numbers = [traces.trace_id(f"{number:016x}-{number * 2654435761 % 2**32:08x}", 1e9) for number in range(5_000)]
    kept = [number for number in numbers if traces.is_kept(number, 0.2)]
    assert len(kept) == pytest.approx(1_000, rel=0.1)
    assert all(traces.is_kept(number, 1.0) for number in numbers)
    assert not any(traces.is_kept(number, 0.0) for number in numbers)


def test_nothing_is_traced_unless_it_is_asked_for(settings: Settings) -> None:
    traces.configure(settings)
    with account(settings, batch(ONE)) as open_account:
        open_account.ran(Outcome(done=[Place.parse(ONE)]), 0.1)
    assert traces._tracing() is None


class Collector(HTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Take)
        self.taken: list[tuple[str, ExportTraceServiceRequest]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Take(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        request = ExportTraceServiceRequest()
        request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
        assert isinstance(self.server, Collector)
        self.server.taken.append((self.path, request))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_a_collector_is_sent_the_way_of_a_document(
    admission: Admission, settings: Settings, store: ArtifactStore
) -> None:
    collector = Collector()
    own = settings.model_copy(
        update={"store_bucket": store._bucket, "traces": f"http://127.0.0.1:{collector.server_port}"}
    )
    traces.configure(own)
    admitted = admission.admit(Transcript(text="Добрий день."))
    admission.enqueue([admitted])
    client = broker.connect(settings)
    executor = tasks.Executor(broker.create_app(own), own)
    while (queue := next((name for name in client.keys("*.live")), None)) is not None:
        raw = client.rpop(queue)
        executor.execute(read_message(raw), f"message-{queue}")
    traces.close()
    collector.shutdown()
    paths, requests = zip(*collector.taken, strict=True)
    assert set(paths) == {"/v1/traces"}
    resources = [resource for request in requests for resource in request.resource_spans]
    found = [span for resource in resources for scope in resource.scope_spans for span in scope.spans]
    assert sorted(span.name for span in found) == ["admission", "entities", "parse", "sentiment", "topics"]
    assert len({span.trace_id for span in found}) == 1
    assert found[0].trace_id.hex().startswith(admitted.id.replace("-", ""))
    (root,) = (span for span in found if not span.parent_span_id)
    assert root.name == "admission" and all(span.parent_span_id == root.span_id for span in found if span is not root)
    recorded = [
        span for span in found for each in span.attributes if each.key == "efir.recorded" and each.value.bool_value
    ]
    assert len(recorded) == 1  # the last leaf
    service = {each.key: each.value.string_value for each in resources[0].resource.attributes}["service.name"]
    assert service == "efir"


def test_a_collector_that_is_away_costs_nothing_but_its_spans(settings: Settings) -> None:
    own = settings.model_copy(update={"traces": "http://127.0.0.1:9", "broker_url": SecretStr("redis://127.0.0.1:9")})
    traces.configure(own)
    started = time.monotonic()
    for _ in range(200):
        traces.begin(batch(ONE, TWO))
    assert time.monotonic() - started < 2
    traces.close()
    assert time.monotonic() - started < 20
