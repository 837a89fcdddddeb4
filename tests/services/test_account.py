"""What is counted of one message, whatever becomes of it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from celery.exceptions import Reject
from prometheus_client import generate_latest
from redis import Redis

from pipeline.artifact import Entity, Mention, Record, Tone, Topic
from pipeline.failure import Failure
from pipeline.processing import Outcome
from pipeline.store import StoreUnavailable
from pipeline.transcript import Place
from services import broker, content, metrics
from services.account import Account
from services.broker import Batch, Lane
from services.celery_counts import CeleryCounts, node_of
from services.failures import Kind
from services.metrics import busiest, tally
from services.metrics.forms import REGISTRY
from services.progress import Progress
from services.settings import Settings

ONE, TWO = (Place.parse(f"2026/01/02/tests/{number:016x}-00000000") for number in range(2))
Grown = Callable[..., float]


@pytest.fixture
def client(settings: Settings) -> Redis:
    return broker.connect(settings)


@pytest.fixture
def grown() -> Grown:
    """By how much a sample grew since the test began."""
    before = samples()

    def by(sample: str, /, **labels: str) -> float:
        key = sample, tuple(sorted(labels.items()))
        return samples().get(key, 0.0) - before.get(key, 0.0)

    return by


def samples() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    assert generate_latest(REGISTRY)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
    }


def account(settings: Settings, client: Redis, *, enqueued: float | None = None) -> Account:
    message = Batch(
        stage="topics",
        lane=Lane.LIVE,
        documents=(ONE.path, TWO.path),
        admitted=time.time() - 40,
        enqueued=time.time() - 7 if enqueued is None else enqueued,
    )
    return Account(settings, message, Progress(client, 100), CeleryCounts("here"))


CELERY = {"name": "efir.stage", "hostname": "here", "queue_name": "topics.live"}


def test_a_message_that_is_done(settings: Settings, client: Redis, grown: Grown) -> None:
    with account(settings, client) as open_account:
        open_account.delivered(1)
        open_account.standing([ONE, TWO])
        done = Outcome(done=[ONE], present=[TWO], tokens=30, characters=20_000, seconds=0.25)
        open_account.recorded(Outcome(done=[ONE, TWO]))
        open_account.ran(done, 1.0)
    assert grown("efir_documents_total", stage="topics", lane="live", outcome="done") == 1
    assert grown("efir_documents_total", stage="topics", lane="live", outcome="present") == 1
    assert (grown("efir_tokens_total", stage="topics"), grown("efir_characters_total", stage="topics")) == (30, 20_000)
    assert grown("efir_stage_seconds_sum", stage="topics") == 0.25
    assert grown("efir_stage_store_seconds_sum", stage="topics") == 0.75
    assert grown("efir_batch_fill_ratio_sum", stage="topics") == 20_000 / settings.batch_characters
    assert grown("efir_queue_wait_seconds_sum", stage="topics", lane="live") == pytest.approx(7, abs=2)
    assert grown("efir_records_total", lane="live") == 2
    assert grown("efir_record_age_seconds_count", lane="live") == 2
    assert grown("efir_record_age_seconds_bucket", lane="live", le="60.0") == 2
    assert grown("efir_record_age_seconds_bucket", lane="live", le="30.0") == 0
    assert grown("celery_task_started_total", **CELERY) == grown("celery_task_succeeded_total", **CELERY) == 1
    assert grown("celery_task_runtime_count", **CELERY) == 1
    assert grown("efir_task_seconds_count", stage="topics", lane="live") == 1
    assert grown("efir_stage_cpu_seconds_total", stage="topics") > 0


def test_a_message_with_a_document_that_is_given_up(settings: Settings, client: Redis, grown: Grown) -> None:
    with account(settings, client) as open_account:
        open_account.given_up([Failure(ONE, "TooSlow", "not finished", "")], Kind.PERMANENT)
        open_account.ran(Outcome(done=[TWO]), 0.1)
    assert grown("efir_failures_total", stage="topics", kind="permanent", reason="TooSlow") == 1
    assert grown("efir_documents_total", stage="topics", lane="live", outcome="quarantined") == 1
    assert grown("celery_task_failed_total", exception="TooSlow", **CELERY) == 1
    assert grown("celery_task_succeeded_total", **CELERY) == 0


def test_a_message_that_came_again_did_not_wait_in_its_queue(settings: Settings, client: Redis, grown: Grown) -> None:
    with account(settings, client) as open_account:
        open_account.delivered(2)
        open_account.split(1)
    assert grown("efir_redeliveries_total", stage="topics", lane="live") == 1
    assert grown("efir_batches_split_total", stage="topics") == 1
    assert grown("efir_queue_wait_seconds_count", stage="topics", lane="live") == 0


def test_a_message_that_waits_and_is_handed_back(settings: Settings, client: Redis, grown: Grown) -> None:
    def waiting() -> float:
        return samples()["efir_waiting_processes", (("cause", "store"),)]

    with pytest.raises(Reject), account(settings, client) as open_account:
        open_account.waits(StoreUnavailable("away"), 1)
        assert waiting() == 1
        open_account.waits(StoreUnavailable("away"), 2)
        open_account.handed_back(61.0)
        raise Reject("away", requeue=True)
    assert waiting() == 0
    assert grown("efir_transient_errors_total", stage="topics", cause="store") == 2
    assert grown("efir_handed_back_messages_total", stage="topics") == 1
    assert (grown("celery_task_retried_total", **CELERY), grown("celery_task_rejected_total", **CELERY)) == (2, 1)
    assert grown("celery_task_runtime_count", **CELERY) == 0


def test_a_message_of_a_cancelled_campaign(settings: Settings, client: Redis, grown: Grown) -> None:
    with account(settings, client) as open_account:
        open_account.cancelled()
    assert grown("celery_task_revoked_total", **CELERY) == 1
    assert grown("celery_task_succeeded_total", **CELERY) == 0


def test_documents_sent_back_and_held_by_the_breaker(settings: Settings, client: Redis, grown: Grown) -> None:
    with account(settings, client) as open_account:
        open_account.sent_back("parse", 2)
        open_account.held_by_breaker([Failure(ONE, "KeyError", "a bug", "")])
    assert grown("efir_sent_back_documents_total", stage="topics", need="parse") == 2
    assert grown("efir_breaker_held_documents_total", stage="topics") == 1
    assert grown("efir_failures_total", stage="topics", kind="permanent", reason="KeyError") == 0


def record(score: float, *topics: str) -> Record:
    now = datetime.now(UTC)
    entities = (("LOC", "Київ"), ("DATE", "5 січня"))
    return Record(
        id="0123456789abcdef-01234567", source="tests", title="", language="uk", published=now, ingested=now, url=None,
        predecessor=None, speakers=(), segments=(), text="Київ, 5 січня", tokens=4, stages={}, sentences=(),
        entities=tuple(
            Entity(str(number), kind, name, (Mention(0, 4, name, 0),)) for number, (kind, name) in enumerate(entities)
        ),
        sentiment=Tone("negative" if score < -0.1 else "neutral", score),
        topics=(
            *(Topic(f"medtop:{number:02}000000", name, 0.5) for number, name in enumerate(topics, 1)),
            *((Topic("medtop:20000593", "government", 0.5),) if topics else ()),
        ),
    )  # fmt: skip


def test_content_is_counted_once_a_record_by_its_best_topic(client: Redis) -> None:
    tally.take()
    busiest.write(client, False)
    content.count([record(-0.5, "politics", "sport"), record(0.05, "politics"), record(-0.25)], Lane.LIVE)
    content.count([record(-0.5, "politics")], Lane.REPLAY)
    counted = {(name, *labels): amount for (name, labels), amount in tally.take()[0].items()}
    assert counted["efir_content_documents", "uk", "live"] == 3
    assert counted["efir_source_records", "tests", "replay"] == 1
    assert counted["efir_content_topic_documents", "politics", "live"] == 2
    assert counted["efir_content_topic_documents", "sport", "live"] == 1
    assert ("efir_content_topic_documents", "government", "live") not in counted  # not of the top level
    assert counted["efir_content_sentiment_documents", "politics", "negative", "live"] == 1
    assert counted["efir_content_sentiment_documents", "none", "negative", "live"] == 1
    assert counted["efir_content_sentiment_score", "politics", "negative", "live"] == 0.5
    assert counted["efir_content_sentiment_score", "politics", "positive", "live"] == 0.05
    assert ("efir_content_sentiment_documents", "sport", "negative", "live") not in counted
    client.flushdb()
    busiest.write(client, True)
    assert busiest.top(client, 5) == [("LOC", "Київ", 3)]  # neither the date, nor what was read again


def test_celerys_node_is_the_workers_name() -> None:
    assert node_of("efir@host-12") == "host-12"


def test_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="format, verdict"):
        metrics.intake.admissions.labels("text")
