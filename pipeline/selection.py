"""Which documents a stage should run on again: a difference of sorted listings of the store, streamed.

The listings are merged folder by folder (a day and a source), where every S3 orders keys alike; only one entry of each
is held at a time, so memory does not grow with the store. What is selected now is also the measure of what remains of
an earlier selection: a document that is done is not selected any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import cached_property
from itertools import islice
from typing import NamedTuple

import msgspec

from pipeline.graph import ancestors, closure, is_leaf
from pipeline.identity import place_of_id
from pipeline.models.bundle import Bundle
from pipeline.store import ArtifactStore, Entry, NotFound, document_key
from pipeline.transcript import Place

_CHUNK = 1000  # ids that are looked up, or documents whose language is read, at a time
_CONNECTIONS = 8


class Criteria(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What to select: documents for which `stage`, or what depends on it, is stale, within the other bounds.

    Stale is what has no artifact of the current fingerprint, or none written after `since` (Unix time by the store's
    clock). `version` selects only documents that have an artifact of `stage` under that fingerprint. `lost` selects
    only documents that came to no end: neither recorded, by whichever models, nor quarantined; and those whose record
    is all that is behind.
    """

    stage: str
    first: date | None = None
    last: date | None = None
    sources: tuple[str, ...] = ()
    language: str | None = None
    version: str | None = None
    since: float = 0.0
    lost: bool = False


class Selected(NamedTuple):
    """A document, the stages that have to start for it, its size in bytes, and when it was last quarantined (or 0).

    `admitted` is when it was written, by the store's clock; `is_whole` when its artifacts are all there, and only its
    record is missing or older than these.
    """

    place: Place
    stages: tuple[str, ...]
    size: int
    quarantined: float
    admitted: float
    is_whole: bool


class Selection:
    def __init__(self, store: ArtifactStore, bundles: Mapping[str, Bundle], criteria: Criteria) -> None:
        self._store = store
        self._bundles = bundles
        self._criteria = criteria
        self._stages = closure(criteria.stage)

    def all(self, after: Place | None = None) -> Iterator[Selected]:
        """Everything that matches, in the order of days, sources and ids, from the one after `after` on."""
        found = (item for folder in self._folders(after) for item in self._in_folder(folder, after=after))
        return self._of_language(found)

    def among(self, ids: Iterable[str], unknown: Callable[[str], object]) -> Iterator[Selected]:
        """What matches among the documents called `ids`; `unknown` is told of ids that nobody has admitted."""
        stream = iter(ids)
        with ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="store") as pool:
            while chunk := list(dict.fromkeys(islice(stream, _CHUNK))):
                places = []
                for name, place in zip(
                    chunk, pool.map(lambda name: place_of_id(self._store, name), chunk), strict=True
                ):
                    if place is None:
                        unknown(name)
                    elif self._is_within(place):
                        places.append(place)
                yield from self._of_language(self.remaining(places))

    def remaining(self, places: Iterable[Place]) -> Iterator[Selected]:
        """Those of `places` for which the stages are still to be run, whatever the other bounds say."""
        by_folder: dict[str, list[str]] = {}
        for place in places:
            by_folder.setdefault(_folder(place), []).append(place.id)
        for folder, ids in sorted(by_folder.items()):
            yield from self._in_folder(folder, only=sorted(ids))

    def _folders(self, after: Place | None) -> Iterator[str]:
        """`yyyy/mm/dd/source` of every day and source within the bounds."""
        criteria = self._criteria
        for year in sorted(self._store.folders("documents/")):
            for month in sorted(self._store.folders(f"documents/{year}/")):
                for day in sorted(self._store.folders(f"documents/{year}/{month}/")):
                    when = date(int(year), int(month), int(day))
                    if (criteria.first and when < criteria.first) or (criteria.last and when > criteria.last):
                        continue
                    if after is not None and when < after.day:
                        continue
                    for source in sorted(self._store.folders(f"documents/{year}/{month}/{day}/")):
                        is_past = after is not None and (when, source) < (after.day, after.source)
                        if not is_past and (not criteria.sources or source in criteria.sources):
                            yield f"{year}/{month}/{day}/{source}"

    def _in_folder(
        self, folder: str, *, only: Sequence[str] | None = None, after: Place | None = None
    ) -> Iterator[Selected]:
        """Merge the listings of one folder; `only` is a sorted choice of its ids."""
        # The key without its ending sorts right before the keys of its document; with a tilde, right after them.
        start = f"{only[0]}" if only else f"{after.id}~" if after and _folder(after) == folder else ""

        def listing(prefix: str) -> Cursor:
            return Cursor(self._store.entries(f"{prefix}/{folder}/", f"{prefix}/{folder}/{start}" if start else None))

        artifacts = {
            stage: [listing(f"{stage}/{print}") for print in self._fingerprints(stage)] for stage in self._stages
        }
        records = listing("records")
        quarantine = [listing(f"quarantine/{stage}") for stage in self._stages]
        unsupported = [listing(f"unsupported/{language}") for language in self._unsupported]
        old = (
            listing(f"{self._criteria.stage}/{self._criteria.version}") if self._criteria.version and not only else None
        )
        wanted = set(only) if only is not None else None
        for name, document in Cursor(self._store.entries(f"documents/{folder}/", f"documents/{folder}/{start}")):
            if only is not None and name > only[-1]:
                return
            written = {stage: max(cursor.modified(name) for cursor in cursors) for stage, cursors in artifacts.items()}
            recorded = records.modified(name)
            quarantined = max(cursor.modified(name) for cursor in quarantine)
            if any(cursor.modified(name) for cursor in unsupported):
                continue
            if (wanted is not None and name not in wanted) or (old is not None and not old.modified(name)):
                continue
            stale = {stage for stage in self._stages if written[stage] <= self._criteria.since}
            if self._criteria.lost and (quarantined or (stale and recorded)):
                continue
            if stages := self._to_start(stale, written, recorded):
                place = Place.parse(f"{folder}/{name}")
                yield Selected(place, stages, document.size, quarantined, document.modified, not stale)

    def _to_start(self, stale: Set[str], written: Mapping[str, float], recorded: float) -> tuple[str, ...]:
        """The stages to run first; those that depend on them follow by themselves."""
        if stale:
            return tuple(stage for stage in self._stages if stage in stale and not ancestors(stage) & stale)
        leaves = [stage for stage in self._stages if is_leaf(stage)]
        # Everything is there but the record, or the record is older than what it is joined from: a leaf that finds
        # its artifact joins.
        return tuple(leaves[-1:]) if recorded < max(written[stage] for stage in leaves) else ()

    def _fingerprints(self, stage: str) -> list[str]:
        """Of every language: a document only has artifacts of its own."""
        return sorted({bundle.fingerprints[stage] for bundle in self._bundles.values()})

    @cached_property
    def _unsupported(self) -> tuple[str, ...]:
        """Languages of documents that wait for a bundle."""
        return tuple(each for each in self._store.folders("unsupported/") if each not in self._bundles)

    def _is_within(self, place: Place) -> bool:
        criteria = self._criteria
        return (
            (criteria.first is None or place.day >= criteria.first)
            and (criteria.last is None or place.day <= criteria.last)
            and (not criteria.sources or place.source in criteria.sources)
        )

    def _of_language(self, found: Iterable[Selected]) -> Iterator[Selected]:
        """A language is not in a document's key: the documents have to be read for it, so this bound comes last."""
        stream = iter(found)
        if self._criteria.language is None:
            yield from stream
            return
        with ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="store") as pool:
            while chunk := list(islice(stream, _CHUNK)):
                for item, language in zip(chunk, pool.map(self._language, chunk), strict=True):
                    if language == self._criteria.language:
                        yield item

    def _language(self, item: Selected) -> str | None:
        key = document_key(item.place)
        try:
            return msgspec.json.decode(self._store.get(key), type=_Language).language
        except NotFound:
            return None


class _Language(msgspec.Struct):
    """All of a document that is asked for."""

    language: str


class Cursor:
    """A folder's listing as (id, entry) in order, read as far as it is asked for. Only the .json of a parse counts."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._stream = ((_id(entry.key), entry) for entry in entries if entry.key.endswith(".json"))
        self._head = next(self._stream, None)

    def __iter__(self) -> Iterator[tuple[str, Entry]]:
        while self._head is not None:
            yield self._head
            self._head = next(self._stream, None)

    def modified(self, name: str) -> float:
        """When the key of `name` was written, 0 when there is none. Ask in ascending order."""
        while self._head is not None and self._head[0] < name:
            self._head = next(self._stream, None)
        return self._head[1].modified if self._head is not None and self._head[0] == name else 0.0


def _id(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(".json")


def _folder(place: Place) -> str:
    return place.path.rpartition("/")[0]
