"""What has to be looked up: quarantine and campaigns, which are listings of the store, clocks, the disk, and entities.

Asked every EFIR_EXPORTER_SECONDS by the main thread; a scrape is told what was found last. While the store is away the
last answer stands, `efir_store_up` is 0, and `efir_exporter_collected_timestamp_seconds` says how old it is.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import Metric
from redis import Redis
from redis.exceptions import RedisError

from pipeline.graph import STAGES
from pipeline.store import ArtifactStore
from services import logs, metrics
from services.campaigns import Campaigns
from services.clocks import Clocks
from services.failures import STORE_IS_AWAY
from services.metrics import busiest
from services.settings import Settings

# A thousand a request. So many in quarantine are an accident, and one more or less does not change what to do.
_MOST_ENTRIES = 100_000
# Each is a few requests, and a line in a panel.
_MOST_CAMPAIGNS = 20

log = logs.get("efir.exporter")


class StoreSide:
    def __init__(self, settings: Settings, store: ArtifactStore, client: Redis, clocks: Clocks) -> None:
        self._settings = settings
        self._store = store
        self._client = client
        self._campaigns = Campaigns(store)
        self._clocks = clocks
        self._is_up = False
        self._asked_at: float | None = None
        self._asked_seconds = 0.0
        self._found: list[Metric] = []
        self._quarantine: dict[str, tuple[int, float, float]] = {}  # stage -> entries, oldest and newest, Unix time
        self._entities: list[tuple[str, str, float]] = []

    def run(self) -> None:
        """Look every EFIR_EXPORTER_SECONDS, for ever."""
        while True:
            self.look()
            time.sleep(self._settings.exporter_seconds)

    def look(self) -> None:
        started = time.perf_counter()
        try:
            self._quarantine = {stage: self._entries(stage) for stage in STAGES}
            self._found = list(self._campaigns_under_way())
        except STORE_IS_AWAY as error:
            self._is_up = False
            log.warning("the store does not answer", error=str(error))
        else:
            self._is_up = True
            self._asked_at = time.time()
        self._asked_seconds = time.perf_counter() - started
        self._clocks.look()
        if self._settings.metrics_entities:
            with contextlib.suppress(RedisError):
                self._entities = busiest.top(self._client, self._settings.metrics_entities)

    def collect(self) -> Iterator[Metric]:
        yield metrics.dependencies.store_up.of(float(self._is_up))
        asked = metrics.up.collect_seconds.new()
        asked.add_metric(["store"], self._asked_seconds)
        yield asked
        if self._asked_at is not None:
            answered = metrics.up.collected_at.new()
            answered.add_metric(["store"], self._asked_at)
            yield answered
            yield from self._in_quarantine()
        yield from self._found
        yield from self._disk()
        entities = metrics.content.entities.new()
        for kind, name, documents in self._entities:
            entities.add_metric([kind, name], documents)
        yield entities

    def _entries(self, stage: str) -> tuple[int, float, float]:
        number, oldest, newest = 0, float("inf"), 0.0
        for entry in self._store.entries(f"quarantine/{stage}/"):
            number += 1
            oldest, newest = min(oldest, entry.modified), max(newest, entry.modified)
            if number == _MOST_ENTRIES:
                break
        return number, oldest, newest

    def _in_quarantine(self) -> Iterator[Metric]:
        documents = metrics.failing.quarantine_documents.new()
        oldest, newest = metrics.failing.quarantine_oldest.new(), metrics.failing.quarantine_newest.new()
        for stage, (number, first, last) in self._quarantine.items():
            documents.add_metric([stage], number)
            if number:
                oldest.add_metric([stage], max(0.0, time.time() - first))
                newest.add_metric([stage], max(0.0, time.time() - last))
        yield from (documents, oldest, newest)

    def _campaigns_under_way(self) -> Iterator[Metric]:
        readings = [
            (metrics.reprocessing.campaign_planned.new(), "documents"),
            (metrics.reprocessing.campaign_done.new(), "done"),
            (metrics.reprocessing.campaign_failed.new(), "failed"),
            (metrics.reprocessing.campaign_remaining.new(), "remaining"),
            (metrics.reprocessing.campaign_rate.new(), "rate"),
        ]
        created, updated = metrics.reprocessing.campaign_created.new(), metrics.reprocessing.campaign_updated.new()
        statuses: Counter[str] = Counter()
        for name in sorted(self._campaigns.active(), reverse=True)[:_MOST_CAMPAIGNS]:
            if (view := self._campaigns.view(name)) is None:
                continue
            statuses[view.status] += 1
            for family, field in readings:
                family.add_metric([name], float(getattr(view, field)))
            created.add_metric([name], view.created.timestamp())
            updated.add_metric([name], self._campaigns.progress(name).updated)
        counted = metrics.reprocessing.campaigns.new()
        for status in ("running", "paused", "cancelled"):
            counted.add_metric([status], statuses[status])
        yield from (*(family for family, _ in readings), created, updated, counted)

    def _disk(self) -> Iterator[Metric]:
        """Of the embedded installation, whose servers write here; others have disks that are not this machine's."""
        if not (self._settings.state / "addresses.json").exists():
            return
        with contextlib.suppress(OSError):
            usage = shutil.disk_usage(self._settings.state)
            yield metrics.dependencies.disk_free.of(usage.free)
            # As in the percentage of df(1): blocks that are kept for root, or by a quota, are in the total and not
            # in what is free, and a disk with many would seem full when it is not.
            yield metrics.dependencies.disk_size.of(usage.used + usage.free)
