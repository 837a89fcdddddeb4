"""Counts of the installation, on a real broker."""

import threading
import time
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from services import broker, metrics
from services.metrics import busiest, ledger, sources, tally
from services.metrics.ledger import Ledger
from services.settings import Settings


@pytest.fixture
def client(settings: Settings) -> Iterator[Redis]:
    tally.take()
    client = broker.connect(settings)
    client.flushdb()
    yield client
    tally.take()


def told(client: Redis) -> str:
    registry = CollectorRegistry()
    for family in ledger.read(client):
        registry.register(type("Family", (), {"collect": lambda self, family=family: [family]})())
    return generate_latest(registry).decode()


def test_what_processes_count_adds_up_and_outlives_them(client: Redis) -> None:
    for _ in range(2):  # two processes, one after the other
        metrics.intake.admissions.labels("text", "admitted").inc(3)
        metrics.up.last_record.labels("live").now()
        Ledger(client, 10, False).write()
    said = told(client)
    assert 'efir_admissions_total{format="text",verdict="admitted"} 6.0' in said
    at = float(said.partition('efir_last_record_timestamp_seconds{lane="live"} ')[2].split()[0])
    assert at == pytest.approx(time.time(), abs=10)


def test_what_cannot_be_written_is_written_later(client: Redis) -> None:
    away = Redis(port=9, retry=Retry(NoBackoff(), 0))
    metrics.intake.admissions.labels("text", "known").inc(2)
    Ledger(away, 10, False).write()
    metrics.intake.admissions.labels("text", "known").inc()
    Ledger(client, 10, False).write()
    assert 'efir_admissions_total{format="text",verdict="known"} 3.0' in told(client)


def test_counting_from_many_threads_loses_nothing(client: Redis) -> None:
    ours = Ledger(client, 10, False)

    def count() -> None:
        for _ in range(500):
            metrics.intake.rejections.labels("json", "empty").inc()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        ours.write()
    ours.write()
    assert 'efir_rejections_total{format="json",reason="empty"} 2000.0' in told(client)


def test_sources_beyond_the_number_of_names_are_told_together(client: Redis) -> None:
    ours = Ledger(client, 2, False)
    for source in ("rada", "suspilne", "hromadske", "third", "rada"):
        metrics.intake.source_documents.labels(source, "admitted").inc()
        ours.write()
    said = told(client)
    assert 'efir_source_documents_total{source="rada",verdict="admitted"} 2.0' in said
    assert 'efir_source_documents_total{source="suspilne",verdict="admitted"} 1.0' in said
    assert 'efir_source_documents_total{source="other",verdict="admitted"} 2.0' in said
    assert "hromadske" not in said


def test_a_source_that_is_silent_for_a_week_gives_its_name_away(client: Redis) -> None:
    ours = Ledger(client, 2, False)
    for source in ("rada", "suspilne"):
        metrics.intake.source_documents.labels(source, "admitted").inc()
        metrics.content.sources.labels(source, "live").inc()
    ours.write()
    client.zadd("efir:metrics:sources", {"rada": time.time() - 8 * 24 * 3600})
    for source in ("hromadske", "suspilne"):
        metrics.content.sources.labels(source, "live").inc()
    ours.write()
    said = told(client)
    assert 'efir_source_records_total{lane="live",source="hromadske"} 1.0' in said
    assert 'efir_source_records_total{lane="live",source="suspilne"} 2.0' in said
    assert "rada" not in said  # its counts went with its name
    assert client.zcard("efir:metrics:sources") == 2


def test_no_names_are_given_away_when_there_are_none(client: Redis) -> None:
    assert sources.name(client, ["rada"], 0) == (set(), set())
    metrics.intake.source_documents.labels("rada", "admitted").inc()
    Ledger(client, 0, False).write()
    assert 'source="other"' in told(client)


def test_the_busiest_entities_are_those_of_most_records(client: Redis) -> None:
    for number in range(5):
        busiest.note(
            [("LOC", "Київ"), ("LOC", "Київ"), ("PERS", f"Особа {number}"), ("ORG", "НАТО")][: 4 - number // 3]
        )
    busiest.write(client, True)
    assert busiest.top(client, 10) == [("LOC", "Київ", 5), ("ORG", "НАТО", 3)]
    assert busiest.top(client, 1) == [("LOC", "Київ", 5)]


def test_few_names_are_kept_however_many_there_are(client: Redis) -> None:
    for round in range(10):
        busiest.note([("PERS", f"Особа {round}-{number}") for number in range(1000)] + [("LOC", "Київ")])
        busiest.write(client, True)
    (key,) = client.scan_iter(match="efir:entities:*")
    assert client.zcard(key) <= 4_000
    assert 0 < client.ttl(key) <= 13 * 300
    assert busiest.top(client, 3) == [("LOC", "Київ", 10)]


def test_nobody_is_counted_where_nobody_is_wanted(client: Redis) -> None:
    busiest.note([("LOC", "Київ")])
    busiest.write(client, False)
    assert list(client.scan_iter(match="efir:entities:*")) == []
