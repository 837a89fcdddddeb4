"""What a campaign would cost, told from what the same work cost before: a sample of the records in the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

import msgspec

from pipeline.artifact import Record, decode
from pipeline.store import ArtifactStore

_RECORDS = 100
# Days are looked at from the latest on, so that the sample is of today's models and machines.
_FOLDERS = 20


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """`seconds` of computing, of one process; `stored` in bytes. `sampled` records stand behind it."""

    tokens: int
    seconds: float
    stored: int
    sampled: int


def estimate(store: ArtifactStore, stages: Sequence[str], size: int) -> Estimate | None:
    """For documents of `size` bytes in all, through `stages`. None while there is no record to tell from."""
    sampled = bytes_read = tokens = stored = 0
    seconds = 0.0
    for key in islice(_latest_records(store), _RECORDS):
        record = decode(store.get(key), Record, key)
        sampled += 1
        bytes_read += sum(entry.size for entry in store.entries(key.replace("records/", "documents/", 1)))
        tokens += record.tokens
        for stage in stages:
            run = record.stages[stage]
            seconds += run.seconds
            stored += sum(entry.size for entry in store.entries(run.artifact.removesuffix("json")))
    if not bytes_read:
        return None
    factor = size / bytes_read
    return Estimate(
        tokens=round(tokens * factor), seconds=seconds * factor, stored=round(stored * factor), sampled=sampled
    )


def _latest_records(store: ArtifactStore) -> Iterable[str]:
    folders = 0
    for year in _latest(store, "records/"):
        for month in _latest(store, year):
            for day in _latest(store, month):
                for source in _latest(store, day):
                    folders += 1
                    if folders > _FOLDERS:
                        return
                    yield from islice(store.list(source), _RECORDS // 5)


def _latest(store: ArtifactStore, prefix: str) -> list[str]:
    return [f"{prefix}{name}/" for name in sorted(store.folders(prefix), reverse=True)]
