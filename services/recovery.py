"""Recovery: what was admitted and came to no end is enqueued again, as the store tells it.

A document that has neither a record nor a quarantine entry is in a queue, in hand, or lost: with the broker's data, by
a purge, or because its sender's process died between storing and enqueuing it. What is in a queue or in hand is known
from the messages, so what remains is lost. A document that is enqueued although it is on its way costs a look into the
store: artifacts are created once.

A claim on a text whose document was never written is no loss: its sender was told nothing, there is no text to process,
and the next sender of the text takes the claim over (services/admission.py).

Lost, too, is a record that is missing or older than its artifacts, when these are all there; it is joined, and no model
runs. What has a record by other models than today's is stale and not lost: that is for a campaign.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice

import msgspec

from pipeline.graph import STAGES, ancestors, roots
from pipeline.models.bundle import Bundle
from pipeline.selection import Criteria, Selected, Selection
from pipeline.store import ArtifactStore
from services.batching import batches_by_stage
from services.broker import Batch, Lane
from services.queues import Queues
from services.settings import Settings

# Documents that are looked up, batched and enqueued together.
_CHUNK = 1000


class Lost(msgspec.Struct):
    """What was found. `starts`: stage -> documents that start there; `joins`: those that lack nothing but a record."""

    documents: int = 0
    joins: int = 0
    starts: dict[str, int] = msgspec.field(default_factory=dict)

    def add(self, item: Selected) -> None:
        self.documents += 1
        self.joins += item.is_whole
        for stage in item.stages:
            self.starts[stage] = self.starts.get(stage, 0) + 1


def lost(
    settings: Settings, store: ArtifactStore, queues: Queues, bundles: Mapping[str, Bundle], within: Criteria
) -> Iterator[Selected]:
    """Lost documents within the days, sources and language of `within`, streamed, each with the stages to start.

    Documents that are admitted while this is read are left alone: they are on their way. As many of those that waited
    before are known as the high-water mark allows to wait; of what lies beyond, a part may be enqueued twice.
    """
    (root,) = roots()
    started = store.clock()
    on_their_way = queues.on_their_way(settings.high_water)
    for item in Selection(store, bundles, msgspec.structs.replace(within, stage=root, lost=True)).all():
        if item.admitted > started:
            continue
        coming = on_their_way.get(item.place.path, frozenset())
        if stages := tuple(stage for stage in item.stages if not ({stage} | ancestors(stage)) & coming):
            yield item._replace(stages=stages)


def enqueue(
    settings: Settings, queues: Queues, found: Iterable[Selected], lane: Lane, wait: Callable[[int], None]
) -> Lost:
    """Enqueue `found`, durably, and return what it was. Raises what a broker or store that is away raises.

    Only while fewer documents wait than the low-water mark: above the high one the door would close to new documents.
    `wait` is called with the number of those that wait, for as long as there is no room.
    """
    total, room = Lost(), 0
    stream = iter(found)
    while chunk := list(islice(stream, _CHUNK)):
        sized = ((item.place.path, item.stages, item.size) for item in chunk)
        for stage, places in batches_by_stage(sized, settings.batch_documents, settings.batch_characters):
            while room <= 0:
                waiting = queues.documents()
                if (room := settings.low_water - waiting) <= 0:
                    wait(waiting)
            queues.publish(Batch(stage=stage, lane=lane, documents=places, admitted=time.time()))
            room -= len(places)
        for item in chunk:
            total.add(item)
    if total.documents:
        queues.secure()
    total.starts = {stage: total.starts[stage] for stage in STAGES if stage in total.starts}
    return total
