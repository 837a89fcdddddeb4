"""What the exporter says of an installation whose state is known, on a real broker and a real store."""

import math
import shutil
import time
from collections.abc import Iterator

import msgspec
import pytest
from kombu import Connection
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from redis import Redis

from pipeline.failure import Failure
from pipeline.selection import Criteria, Selected
from pipeline.store import ArtifactStore
from pipeline.transcript import Place
from services import broker, metrics, pauses
from services.breaker import Breaker
from services.broker import Batch, Lane
from services.campaigns import Campaigns, Order, Progress
from services.clocks import Clocks
from services.exporter.broker_side import BrokerSide
from services.exporter.store_side import StoreSide
from services.feeds.schedule import Schedule
from services.feeds.subscriptions import Pulse
from services.metrics import busiest, tally
from services.metrics.exposition import registry
from services.metrics.forms import entries
from services.metrics.ledger import Ledger
from services.presence import Presence
from services.quarantine import Quarantine
from services.queues import Queues
from services.settings import Settings

Said = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Situation:
    """Asks both sides, as a scrape does."""

    def __init__(self, settings: Settings, client: Redis, store: ArtifactStore) -> None:
        self.client, self.store, self.state = client, store, settings.state
        self.queues = Queues(broker.create_app(settings), client)
        clocks = Clocks(client, store)
        self.from_store = StoreSide(settings, store, client, clocks)
        from_broker = BrokerSide(settings, client, self.queues)
        self._registry = registry("exporter", (from_broker, self.from_store, clocks))
        self._said: Said = {}

    def scrape(self) -> None:
        self.from_store.look()
        text = generate_latest(self._registry).decode()
        families = text_string_to_metric_families(text)
        self._said = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float | None:
        return self._said.get((name, tuple(sorted(labels.items()))))

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self._said}


@pytest.fixture
def said(settings: Settings, store: ArtifactStore) -> Iterator[Situation]:
    tally.take()
    client = broker.connect(settings)
    client.flushdb()
    yield Situation(settings.model_copy(update={"metrics_entities": 5}), client, store)
    client.flushdb()


def places(count: int, start: int = 0) -> tuple[str, ...]:
    return tuple(f"2026/01/02/tests/{number:016x}-00000000" for number in range(start, start + count))


def take_one(settings: Settings, queue: str) -> Connection:
    """A message in somebody's hands, for as long as the connection is there."""
    connection = broker.create_app(settings).connection_for_read()
    assert connection.default_channel.basic_get(queue) is not None
    return connection


def test_queues_quarantine_breaker_and_campaign(said: Situation, settings: Settings, store: ArtifactStore) -> None:
    said.queues.publish(Batch(stage="parse", lane=Lane.LIVE, documents=places(3), admitted=time.time() - 100))
    said.queues.publish(Batch(stage="topics", lane=Lane.REPLAY, documents=places(2), admitted=time.time() - 50))
    Quarantine(store).put("entities", Failure(Place.parse(places(1)[0]), "TooSlow", "too slow", ""))
    breaker = Breaker(said.client, window=10, share=0.2, least=2)
    breaker.done("sentiment", 6)
    assert breaker.failed("sentiment", 4)
    campaigns = Campaigns(store)
    campaign = campaigns.create(Criteria(stage="topics"), None, "efir reprocess")
    campaigns.plan(campaign, [Selected(Place.parse(path), ("topics",), 10, 0.0, 0.0, False) for path in places(8)])
    campaigns.save(campaign.id, Progress(status="running", done=3, failed=1, rate=2.0, updated=1234.0))
    with take_one(settings, "topics.replay"):
        said.scrape()

    assert said("efir_queue_messages", stage="parse", lane="live") == 1
    assert said("efir_queue_documents", stage="parse", lane="live") == 3
    assert said("efir_queue_oldest_seconds", stage="parse", lane="live") == pytest.approx(100, abs=10)
    assert said("efir_queue_drain_seconds", stage="parse", lane="live") == math.inf
    assert said("efir_queue_drain_seconds", stage="parse", lane="replay") == 0
    assert said("celery_queue_length", queue_name="parse.live") == 1
    assert said("efir_queue_messages", stage="topics", lane="replay") == 0
    assert said("efir_unacknowledged_messages", stage="topics", lane="replay") == 1
    assert said("efir_unacknowledged_documents", stage="topics", lane="replay") == 2
    assert said("efir_queue_oldest_seconds", stage="topics", lane="replay") == pytest.approx(50, abs=10)

    assert said("efir_quarantine_documents", stage="entities") == 1
    assert said("efir_quarantine_documents", stage="parse") == 0
    age, newest = said("efir_quarantine_oldest_seconds", stage="entities"), "efir_quarantine_newest_seconds"
    assert age == pytest.approx(said(newest, stage="entities"), abs=1) and age < 30
    assert said(newest, stage="parse") is None

    assert said("efir_breaker_open", stage="sentiment") == 1
    assert said("efir_breaker_failed_ratio", stage="sentiment") == 0.4
    assert said("efir_stage_paused", stage="sentiment", by="breaker") == 1
    assert said("efir_stage_paused", stage="sentiment", by="operator") == 0
    assert said("efir_breaker_open", stage="parse") == 0

    assert said("efir_campaigns", status="running") == 1
    for name, value in (("planned", 8), ("done", 3), ("failed", 1), ("remaining", 4)):
        assert said(f"efir_campaign_{name}_documents", campaign=campaign.id) == value
    assert said("efir_campaign_documents_per_second", campaign=campaign.id) == 2
    assert said("efir_campaign_updated_timestamp_seconds", campaign=campaign.id) == 1234
    campaigns.give_order(campaign.id, Order.PAUSE)
    said.scrape()
    assert said("efir_campaigns", status="paused") == 1
    campaigns.end(campaign.id, Progress(status="done"))
    said.scrape()
    assert said("efir_campaigns", status="paused") == 0
    assert said("efir_campaign_done_documents", campaign=campaign.id) is None


def test_workers_that_are_there_and_one_that_was_killed(said: Situation) -> None:
    for name, stages, processes in (("one", ("parse",), 2), ("two", ("parse", "topics"), 4)):
        presence = Presence(name, 1, stages, ("live",), processes, "http://127.0.0.1:1/metrics", time.time())
        said.client.set(f"efir:worker:{name}", msgspec.json.encode(presence), ex=20)
    now = time.time()
    said.client.zadd("efir:workers", {"one": now, "two": now, "killed": now - 60, "forgotten": now - 4000})
    said.client.set("efir:dispatcher", "somebody", ex=30)
    said.client.set("efir:intake:closed", "1")
    pauses.pause(said.client, "topics", "operator")
    said.scrape()
    assert (said("efir_workers", stage="parse", lane="live"), said("efir_workers", stage="topics", lane="live")) == (
        2,
        1,
    )
    assert said("efir_workers", stage="parse", lane="replay") == 0
    assert said("efir_worker_processes", stage="parse", lane="live") == 6
    assert said("celery_active_worker_count", queue_name="parse.live") == 2
    assert said("celery_active_consumer_count", queue_name="topics.live") == 1
    assert said("celery_active_process_count", queue_name="parse.live") == 6
    assert [said("celery_worker_up", hostname=name) for name in ("one", "killed", "forgotten")] == [1, 0, None]
    assert said("efir_workers_lost") == 1
    assert said("efir_dispatcher_active") == 1
    assert said("efir_intake_closed") == 1
    assert said("efir_stage_paused", stage="topics", by="operator") == 1


def test_feeds_by_status_and_how_stale_they_are(said: Situation) -> None:
    schedule, now = Schedule(said.client), time.time()
    schedule.lay(["good", "broken", "dead"], 0)
    said.client.zadd("efir:feeds:due", {"good": now + 600, "broken": now - 120})
    said.client.zrem("efir:feeds:due", "dead")
    pulses = {
        "good": Pulse(),
        "broken": Pulse(status="failing", failing_since=now - 8 * 3600),
        "dead": Pulse(status="gone", failing_since=now - 900 * 3600),
    }
    said.client.hset("efir:feeds:pulses", mapping={name: msgspec.json.encode(each) for name, each in pulses.items()})
    said.scrape()
    assert [said("efir_feeds", status=status) for status in ("active", "failing", "gone")] == [1, 1, 1]
    assert said("efir_feeds_late") == 1
    assert said("efir_feeds_late_seconds") == pytest.approx(120, abs=10)
    assert said("efir_feeds_stale") == 1
    assert said("efir_feeds_stale_seconds") == pytest.approx(8 * 3600, abs=10)


def test_everything_that_is_the_exporters_is_exported(
    said: Situation, settings: Settings, store: ArtifactStore
) -> None:
    """With one of everything, each metric of the catalogue that the exporter has is there, and no other of ours is."""
    said.queues.publish(Batch(stage="parse", lane=Lane.LIVE, documents=places(1), admitted=time.time()))
    Quarantine(store).put("entities", Failure(Place.parse(places(1)[0]), "TooSlow", "too slow", ""))
    campaigns = Campaigns(store)
    campaign = campaigns.create(Criteria(stage="topics"), None, "efir reprocess")
    campaigns.plan(campaign, [Selected(Place.parse(places(1)[0]), ("topics",), 10, 0.0, 0.0, False)])
    said.client.zadd("efir:workers", {"killed": time.time()})
    for metric in (entry.measured_by for entry in entries()):
        if isinstance(metric, tally.Tally):
            metric.labels(*metric.labelnames).inc()
        elif isinstance(metric, tally.Latest):
            metric.labels(*metric.labelnames).now()
    for _ in range(3):
        busiest.note([("LOC", "Київ")])
    Ledger(said.client, 10, True).write()
    metrics.dependencies.store_errors.labels("get", "unavailable", "no-answer")
    said.scrape()
    ours = {name for name in said.names if name.startswith(("efir_", "celery_"))}
    expected = {entry.name for entry in entries() if "exporter" in entry.by}
    histograms = {entry.name for entry in entries() if entry.kind == "histogram"}
    plain = {next((each for each in histograms if name.startswith(f"{each}_")), name) for name in ours}
    assert plain == expected
    assert said("efir_content_entity_documents", type="LOC", entity="Київ") == 3
    disk = shutil.disk_usage(said.state)
    assert said("efir_state_disk_size_bytes") == pytest.approx(disk.used + disk.free, rel=0.01)
    assert said("efir_state_disk_free_bytes") == pytest.approx(disk.free, rel=0.01)
    assert abs(said("efir_clock_skew_seconds", against="broker")) < 1
    assert said("efir_broker_memory_used_bytes") > 100_000
    assert said("efir_broker_aof_enabled") == said("efir_broker_aof_last_write_ok") == 1


def test_a_store_that_is_away_is_said_and_what_was_known_of_it_stands(said: Situation, settings: Settings) -> None:
    Quarantine(said.store).put("parse", Failure(Place.parse(places(1)[0]), "TooSlow", "too slow", ""))
    said.scrape()
    assert said("efir_store_up") == 1
    asked = said("efir_exporter_collected_timestamp_seconds", part="store")
    said.from_store._store = said.from_store._campaigns._store = ArtifactStore.connect(
        "http://127.0.0.1:9", "efir", "a", "b", timeout=1
    )
    said.scrape()
    assert said("efir_store_up") == 0
    assert said("efir_quarantine_documents", stage="parse") == 1
    assert said("efir_exporter_collected_timestamp_seconds", part="store") == asked


def test_a_broker_that_is_away_is_said_and_nothing_is_made_up(settings: Settings, store: ArtifactStore) -> None:
    nowhere = settings.model_copy(update={"broker_url": SecretStr("redis://127.0.0.1:9/0")})
    away = broker.connect(nowhere, 3.0, retries=0)
    said = Situation(settings, away, store)
    said.scrape()
    assert said("efir_broker_up") == 0
    assert said("efir_store_up") == 1
    assert not said.names & {"efir_queue_messages", "efir_workers", "efir_admissions_total"}


class _Late(Redis):
    """A broker whose clock is behind by a minute."""

    def time(self, **_: object) -> tuple[int, int]:  # type: ignore[override]
        return int(time.time()) - 60, 0


def test_a_clock_that_is_ahead_of_the_brokers_is_seen(store: ArtifactStore) -> None:
    clocks = Clocks(_Late(), store)
    clocks.look()
    assert clocks.skews["broker"] == pytest.approx(60, abs=2)
    assert clocks.skews["store"] == pytest.approx(0, abs=1)
