"""Campaigns: reprocessing that was asked for, planned, and goes on until it is done, whatever is restarted meanwhile.

Everything about a campaign lies in the store, none of it in the broker:

    campaigns/active/{id}             a marker, while there is something to do
    campaigns/all/{id}/campaign.json  what was asked for; never changes
    campaigns/all/{id}/pages/{n}      the plan: documents and the stages to start, a thousand a page
    campaigns/all/{id}/planned.json   written when the plan is whole
    campaigns/all/{id}/order          what an operator said last: run, pause, cancel
    campaigns/all/{id}/progress.json  how far it is; written by the dispatcher alone

How far a campaign is follows from the artifacts in the store, not from counting messages: nothing is counted twice, and
nothing that is finished is done again.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Literal, TypeVar

import msgspec
from redis import Redis

from pipeline.artifact import decode, encode
from pipeline.selection import Criteria, Selected
from pipeline.store import ArtifactStore, NotFound
from pipeline.transcript import Place

Kind = TypeVar("Kind", bound=msgspec.Struct)

PAGE_DOCUMENTS = 1000
_ACTIVE = "campaigns/active/"
_ALL = "campaigns/all/"
# Messages of a cancelled campaign are gone long before.
_CANCELLED_SECONDS = 30 * 24 * 3600


class Order(StrEnum):
    RUN = "run"
    PAUSE = "pause"
    CANCEL = "cancel"


Status = Literal["planning", "running", "paused", "cancelled", "done"]


class Campaign(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was asked for. `rate`: documents a second, at most; None as fast as replay goes."""

    schema: Literal["efir.campaign/1"] = "efir.campaign/1"
    id: str
    created: datetime
    criteria: Criteria
    rate: float | None = None
    asked: str = ""  # the command, for people


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    documents: int
    pages: int
    starts: dict[str, int]  # stage -> documents that start there


class PlannedDocument(msgspec.Struct, frozen=True, array_like=True):
    place: str
    stages: tuple[str, ...]
    size: int  # bytes


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """`pages` were enqueued, the first `finished` of them are behind, with `past_done` and `past_failed` documents.

    `done` and `failed` count the pages under way, too. `rate`: documents finished a second, lately.
    """

    status: Status
    pages: int = 0
    finished: int = 0
    past_done: int = 0
    past_failed: int = 0
    done: int = 0
    failed: int = 0
    rate: float = 0.0
    updated: float = 0.0  # Unix time, seconds


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign as it is shown."""

    id: str
    status: Status
    asked: str
    created: datetime
    documents: int
    done: int
    failed: int
    remaining: int
    rate: float
    ends: datetime | None


class Campaigns:
    def __init__(self, store: ArtifactStore) -> None:
        self._store = store

    def create(self, criteria: Criteria, rate: float | None, asked: str, *, force: bool = False) -> Campaign:
        """Write down what is asked for. With `force`, all that was written until now is made again."""
        now = datetime.now(UTC)
        name = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        if force:
            # The store's clock counts, to the second: what is written from the next second on is new.
            marker = f"{_ALL}{name}/started"
            self._store.replace(marker, b"", "text/plain")
            criteria = msgspec.structs.replace(criteria, since=self._store.modified(marker) or time.time())
            time.sleep(1.1)
        campaign = Campaign(id=name, created=now, criteria=criteria, rate=rate, asked=asked)
        self._store.create(f"{_ALL}{name}/campaign.json", encode(campaign))
        return campaign

    def plan(self, campaign: Campaign, selected: Iterable[Selected]) -> Plan:
        """Write the plan, page by page, after what is there of it already, and hand the campaign to the dispatcher."""
        pages = self._pages_of(campaign.id)
        documents, starts = 0, dict[str, int]()
        for number in range(pages):
            documents += _tally(self.page(campaign.id, number), starts)
        stream = iter(selected)
        while page := [
            PlannedDocument(item.place.path, item.stages, item.size) for item in islice(stream, PAGE_DOCUMENTS)
        ]:
            self._store.replace(_page_key(campaign.id, pages), msgspec.json.encode(page))
            documents += _tally(page, starts)
            pages += 1
        plan = Plan(documents=documents, pages=pages, starts=starts)
        self._store.replace(f"{_ALL}{campaign.id}/planned.json", encode(plan))
        if pages:
            self._store.replace(f"{_ACTIVE}{campaign.id}", b"", "text/plain")
        else:
            self.save(campaign.id, Progress(status="done", updated=time.time()))
        return plan

    def last_planned(self, name: str) -> Place | None:
        """Where an interrupted plan ends."""
        pages = self._pages_of(name)
        return Place.parse(self.page(name, pages - 1)[-1].place) if pages else None

    def started(self, name: str) -> float:
        """When the campaign was written down, by the store's clock."""
        return self._store.modified(f"{_ALL}{name}/campaign.json") or 0.0

    def get(self, name: str) -> Campaign | None:
        return self._read(f"{_ALL}{name}/campaign.json", Campaign)

    def planned(self, name: str) -> Plan | None:
        """None while the plan is being made, or when making it was interrupted."""
        return self._read(f"{_ALL}{name}/planned.json", Plan)

    def page(self, name: str, number: int) -> list[PlannedDocument]:
        key = _page_key(name, number)
        return msgspec.json.decode(self._store.get(key), type=list[PlannedDocument])

    def active(self) -> list[str]:
        return [key.removeprefix(_ACTIVE) for key in self._store.list(_ACTIVE)]

    def all(self) -> Iterator[str]:
        """Ids from the oldest to the newest."""
        return iter(sorted(self._store.folders(_ALL)))

    def order(self, name: str) -> Order:
        try:
            return Order(self._store.get(f"{_ALL}{name}/order").decode())
        except NotFound:
            return Order.RUN

    def give_order(self, name: str, order: Order) -> None:
        self._store.replace(f"{_ALL}{name}/order", order.value.encode(), "text/plain")

    def progress(self, name: str) -> Progress:
        return self._read(f"{_ALL}{name}/progress.json", Progress) or Progress(status="running")

    def save(self, name: str, progress: Progress) -> None:
        self._store.replace(f"{_ALL}{name}/progress.json", encode(progress))

    def end(self, name: str, progress: Progress) -> None:
        """Nothing is left to do: what was asked and what came of it stays, the plan goes."""
        self.save(name, progress)
        self._store.delete(f"{_ACTIVE}{name}")
        self._store.delete_all(list(self._store.list(f"{_ALL}{name}/pages/")))

    def view(self, name: str) -> View | None:
        campaign = self.get(name)
        if campaign is None:
            return None
        plan, progress = self.planned(name), self.progress(name)
        documents = plan.documents if plan else 0
        status = progress.status
        if plan is None:
            status = "planning"
        elif status == "running" and self.order(name) is Order.PAUSE:
            status = "paused"
        if status not in {"done", "cancelled"} and self.order(name) is Order.CANCEL:
            status = "cancelled"
        remaining = max(0, documents - progress.done - progress.failed)
        ends = None
        if status == "running" and progress.rate > 0:
            ends = datetime.fromtimestamp(time.time() + remaining / progress.rate, UTC)
        return View(
            id=name,
            status=status,
            asked=campaign.asked,
            created=campaign.created,
            documents=documents,
            done=progress.done,
            failed=progress.failed,
            remaining=remaining,
            rate=progress.rate if status == "running" else 0.0,
            ends=ends,
        )

    def _pages_of(self, name: str) -> int:
        return sum(1 for _ in self._store.list(f"{_ALL}{name}/pages/"))

    def _read(self, key: str, kind: type[Kind]) -> Kind | None:
        try:
            return decode(self._store.get(key), kind, key)
        except NotFound:
            return None


def cancel_messages(client: Redis, name: str) -> None:
    """What is enqueued of a campaign is dropped when its turn comes."""
    client.set(_cancelled_key(name), 1, ex=_CANCELLED_SECONDS)


def is_cancelled(client: Redis, name: str) -> bool:
    return bool(client.exists(_cancelled_key(name)))


def _tally(page: Iterable[PlannedDocument], starts: dict[str, int]) -> int:
    documents = 0
    for document in page:
        documents += 1
        for stage in document.stages:
            starts[stage] = starts.get(stage, 0) + 1
    return documents


def _page_key(name: str, number: int) -> str:
    return f"{_ALL}{name}/pages/{number:08}.json"


def _cancelled_key(name: str) -> str:
    return f"efir:cancelled:{name}"
