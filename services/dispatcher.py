"""The dispatcher: feeds campaigns to the replay queues, as fast as these drain and no faster.

One process of an installation dispatches at a time; others that run wait to take over. All it knows lies in the store,
so it can be killed at any line: what it had enqueued and did not write down is enqueued again, which changes nothing.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from redis import Redis

from pipeline.models.bundle import Bundle
from pipeline.selection import Selection
from pipeline.store import ArtifactStore
from pipeline.transcript import Place
from services import broker, logs
from services.batching import batches_by_stage
from services.broker import Batch, Lane
from services.campaigns import Campaign, Campaigns, Order, Plan, PlannedDocument, Progress, cancel_messages
from services.failures import TRANSIENT
from services.liveness import Liveness
from services.metrics.exposition import registry, serve
from services.object_store import connect_store
from services.queues import Queues
from services.settings import Settings

_LEASE = "efir:dispatcher"
_LEASE_SECONDS = 30
_ROUND_SECONDS = 1.0
# How often the store is asked how far a campaign is; asking lists the folders of its pages.
_LOOK_SECONDS = 3.0
# Looks at an empty replay lane, with documents that should be in it, before these are taken for lost.
_PATIENCE = 3
# A document that is enqueued this often and neither done nor quarantined will not be.
_MOST_FEEDS = 5
_RATE_SECONDS = 60.0

log = logs.get("efir.dispatcher")


@dataclass
class _Page:
    """A page that is enqueued: what of it is still to come."""

    number: int
    documents: list[PlannedDocument]
    left: dict[str, PlannedDocument]  # neither done nor failed, by place
    failed: set[str] = field(default_factory=set)
    idle_looks: int = 0
    feeds: int = 1

    @property
    def done(self) -> int:
        return len(self.documents) - len(self.left) - len(self.failed)


class _Run:
    """One active campaign in the hands of this process."""

    def __init__(self, campaign: Campaign, started: float, plan: Plan, progress: Progress) -> None:
        self.campaign = campaign
        self.started = started
        self.plan = plan
        self.progress = progress
        self.pages: deque[_Page] = deque()
        self.to_send: deque[Batch] = deque()
        self.looked_at = 0.0
        self.allowance = 0.0
        self.allowed_at = time.monotonic()
        self.history: deque[tuple[float, int]] = deque()

    def rate(self) -> float:
        """Documents a second that came to an end in the last minute."""
        now = time.monotonic()
        self.history.append((now, self.progress.done + self.progress.failed))
        while now - self.history[0][0] > _RATE_SECONDS:
            self.history.popleft()
        (first_at, first), (last_at, last) = self.history[0], self.history[-1]
        return max(0.0, (last - first) / (last_at - first_at)) if last_at > first_at else 0.0


class Dispatcher:
    def __init__(
        self, settings: Settings, store: ArtifactStore, client: Redis, queues: Queues, bundles: Mapping[str, Bundle]
    ) -> None:
        self._settings = settings
        self._store = store
        self._campaigns = Campaigns(store)
        self._client = client
        self._queues = queues
        self._bundles = bundles
        self._name = f"{socket.gethostname()}-{os.getpid()}"
        self._runs: dict[str, _Run] = {}

    def run(self, liveness: Liveness) -> None:
        """Dispatch until the process is ended. A store or broker that is away is waited for."""
        while True:
            started = time.monotonic()
            try:
                if self._holds_lease():
                    self.round()
                else:
                    self._runs.clear()
            except TRANSIENT as error:
                log.warning("waiting", error=str(error))
                self._runs.clear()  # what was sent and what was not is read anew from the store
            liveness.finished()
            time.sleep(max(0.05, _ROUND_SECONDS - (time.monotonic() - started)))

    def round(self) -> None:
        """Bring every active campaign one step further."""
        active = self._campaigns.active()
        for name in [name for name in self._runs if name not in active]:
            del self._runs[name]
        for name in active:
            if name not in self._runs and (run := self._open(name)) is not None:
                self._runs[name] = run
        for run in list(self._runs.values()):
            self._step(run)

    def _holds_lease(self) -> bool:
        if self._client.set(_LEASE, self._name, nx=True, ex=_LEASE_SECONDS):
            log.info("dispatching", name=self._name)
            return True
        if self._client.get(_LEASE) != self._name:
            return False
        self._client.expire(_LEASE, _LEASE_SECONDS)
        return True

    def _open(self, name: str) -> _Run | None:
        campaign, plan = self._campaigns.get(name), self._campaigns.planned(name)
        if campaign is None or plan is None:
            return None
        run = _Run(campaign, self._campaigns.started(name), plan, self._campaigns.progress(name))
        for number in range(run.progress.finished, run.progress.pages):
            documents = self._campaigns.page(name, number)
            run.pages.append(_Page(number, documents, {document.place: document for document in documents}))
        return run

    def _step(self, run: _Run) -> None:
        order = self._campaigns.order(run.campaign.id)
        if order is Order.CANCEL:
            cancel_messages(self._client, run.campaign.id)
            self._look(run)
            self._campaigns.end(run.campaign.id, msgspec.structs.replace(run.progress, status="cancelled", rate=0.0))
            del self._runs[run.campaign.id]
            log.info("campaign cancelled", campaign=run.campaign.id)
            return
        if time.monotonic() - run.looked_at > _LOOK_SECONDS:
            self._look(run)
            if run.progress.finished == run.plan.pages:
                self._campaigns.end(run.campaign.id, msgspec.structs.replace(run.progress, status="done", rate=0.0))
                del self._runs[run.campaign.id]
                log.info("campaign done", campaign=run.campaign.id, done=run.progress.done, failed=run.progress.failed)
                return
        if order is Order.RUN:
            self._feed(run)

    # Feeding

    def _feed(self, run: _Run) -> None:
        room = self._settings.campaign_window - self._queues.documents([Lane.REPLAY])
        allowed = self._allowance(run)
        while room > 0 and allowed > 0:
            if not run.to_send and not self._turn_page(run):
                return
            batch = run.to_send.popleft()
            self._queues.publish(msgspec.structs.replace(batch, admitted=time.time()))
            room -= len(batch.documents)
            allowed -= len(batch.documents)
            run.allowance -= len(batch.documents)
            if not run.to_send:
                self._campaigns.save(run.campaign.id, run.progress)

    def _allowance(self, run: _Run) -> float:
        """Documents that the campaign's rate allows now; what is not used within a few seconds is not saved up."""
        if run.campaign.rate is None:
            return float("inf")
        now = time.monotonic()
        saved = run.allowance + run.campaign.rate * (now - run.allowed_at)
        run.allowance, run.allowed_at = min(saved, max(1.0, 2 * run.campaign.rate)), now
        return run.allowance

    def _turn_page(self, run: _Run) -> bool:
        """Make the next page with something to do ready to be sent. False when there is none."""
        while not run.to_send and (number := run.progress.pages) < run.plan.pages:
            documents = self._campaigns.page(run.campaign.id, number)
            page = _Page(number, documents, {document.place: document for document in documents})
            self._settle(run, page)  # some may have been done since the plan was made
            run.pages.append(page)
            run.to_send.extend(self._batches(run, list(page.left.values())))
            run.progress = msgspec.structs.replace(run.progress, pages=number + 1)
        return bool(run.to_send)

    def _batches(self, run: _Run, documents: Sequence[PlannedDocument]) -> list[Batch]:
        campaign = run.campaign
        sized = ((document.place, document.stages, document.size) for document in documents)
        return [
            Batch(
                stage=stage,
                lane=Lane.REPLAY,
                documents=places,
                admitted=time.time(),
                since=campaign.criteria.since,
                campaign=campaign.id,
            )
            for stage, places in batches_by_stage(
                sized, self._batch_documents(campaign), self._settings.batch_characters
            )
        ]

    def _batch_documents(self, campaign: Campaign) -> int:
        """At a slow rate batches are small, so that the rate is one of documents and not of bursts."""
        most = self._settings.batch_documents
        return most if campaign.rate is None else max(1, min(most, int(campaign.rate)))

    # Looking

    def _look(self, run: _Run) -> None:
        """Ask the store how far the enqueued pages are, and write it down."""
        run.looked_at = time.monotonic()
        lane_is_empty = not run.to_send and self._queues.documents([Lane.REPLAY]) == 0
        for page in run.pages:
            self._settle(run, page)
            page.idle_looks = page.idle_looks + 1 if page.left and lane_is_empty else 0
            if page.idle_looks >= _PATIENCE:
                self._feed_again(run, page)
        progress = run.progress
        while run.pages and not run.pages[0].left:
            page = run.pages.popleft()
            progress = msgspec.structs.replace(
                progress,
                finished=progress.finished + 1,
                past_done=progress.past_done + page.done,
                past_failed=progress.past_failed + len(page.failed),
            )
        run.progress = msgspec.structs.replace(
            progress,
            done=progress.past_done + sum(page.done for page in run.pages),
            failed=progress.past_failed + sum(len(page.failed) for page in run.pages),
            updated=time.time(),
        )
        run.progress = msgspec.structs.replace(run.progress, rate=run.rate())
        self._campaigns.save(run.campaign.id, run.progress)

    def _settle(self, run: _Run, page: _Page) -> None:
        """Take out of what is left of a page the documents that are done, and those that were quarantined since."""
        selection = Selection(self._store, self._bundles, run.campaign.criteria)
        left: dict[str, PlannedDocument] = {}
        page.failed.clear()
        for item in selection.remaining(Place.parse(document.place) for document in page.documents):
            path = item.place.path
            if item.quarantined > run.started:
                page.failed.add(path)
            elif path in page.left:
                left[path] = PlannedDocument(path, item.stages, item.size)
        page.left = left

    def _feed_again(self, run: _Run, page: _Page) -> None:
        """The lane is empty and the documents are not done: the broker has lost them, or somebody purged the queue."""
        page.idle_looks = 0
        if page.feeds >= _MOST_FEEDS:
            log.error("campaign gives up", campaign=run.campaign.id, documents=list(page.left)[:10])
            page.failed.update(page.left)
            page.left = {}
            return
        page.feeds += 1
        log.warning("enqueued again", campaign=run.campaign.id, page=page.number, documents=len(page.left))
        run.to_send.extend(self._batches(run, list(page.left.values())))


def is_dispatching(client: Redis) -> bool:
    """Whether somebody feeds campaigns now."""
    return bool(client.exists(_LEASE))


def run(settings: Settings) -> int:
    """Dispatch until SIGTERM or SIGINT. Whatever a round was at is taken up by the next dispatcher.

    Returns the exit status when it cannot begin. One that waits to take over is healthy, too.
    """
    logs.configure(settings.log_level, settings.log_format)
    # Not left to the kernel: it lets the first process of a container ignore what it has no handler for.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    store, client = connect_store(settings), broker.connect(settings)
    queues = Queues(broker.create_app(settings), client)
    liveness = Liveness(settings.progress_seconds)
    try:
        address = serve(settings.metrics_host, settings.metrics_port, registry("dispatcher"), liveness.health)
    except OSError as error:
        where = f"{settings.metrics_host}:{settings.metrics_port}"
        log.critical("metrics cannot be served; set EFIR_METRICS_PORT", address=where, error=str(error))
        return 1
    log.info("ready", metrics=address)
    Dispatcher(settings, store, client, queues, settings.shelf.in_use()).run(liveness)
    return 0


if __name__ == "__main__":
    sys.exit(run(Settings()))
