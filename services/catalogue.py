"""Pages of what is in the store, in the order of days, sources and ids.

A page is found by listing folders (a day and a source) and merging what lies in them, as pipeline/selection.py does.
What one page may cost is bounded: after so many documents or folders it ends, even with nothing found, and its cursor
says where to go on. So a search for something rare is many cheap requests and never a long one.

A cursor is a position, so pages never overlap, and nothing that was there when the first was asked for is left out;
documents that arrive meanwhile are on the pages to come, if they come after the cursor.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import NamedTuple

import msgspec

from pipeline.graph import STAGES
from pipeline.models.bundle import Bundle
from pipeline.selection import Cursor as Listing
from pipeline.store import ArtifactStore, Entry
from pipeline.transcript import is_document_id
from services.status import StageState, State, state_of

# What one page may look at. A listing of a folder is a few milliseconds, one of 1,000 keys some 20.
_MOST_DOCUMENTS = 1000
_MOST_FOLDERS = 100
# After every id and every source: those are of lower-case letters, digits and ._-
_LAST = "~"
_SOURCE = re.compile(r"[a-z0-9._-]+")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which documents. With a stage, `status` is that of the stage, else of the document."""

    source: str | None = None
    first: date | None = None
    last: date | None = None
    stage: str | None = None
    status: State | StageState | None = None


class Found(msgspec.Struct, frozen=True):
    id: str
    day: date
    source: str
    status: State | StageState


class Page(msgspec.Struct, frozen=True):
    """`next` is the cursor of the next page; None when there is none. A page may be empty and have one."""

    items: tuple[Found, ...]
    next: str | None


class BadCursor(ValueError):
    """Not a cursor, or one of another question."""


class _Position(NamedTuple):
    """Everything up to here was looked at."""

    day: date = date.min
    source: str = ""
    id: str = ""


class _Exhausted(Exception):
    """The page has cost what it may; all up to `position` was looked at."""

    def __init__(self, position: _Position) -> None:
        super().__init__()
        self.position = position


class Catalogue:
    def __init__(
        self,
        store: ArtifactStore,
        bundles: Mapping[str, Bundle],
        most_documents: int = _MOST_DOCUMENTS,
        most_folders: int = _MOST_FOLDERS,
    ) -> None:
        self._store = store
        self._bundles = bundles
        self._most_documents = most_documents
        self._most_folders = most_folders

    def page(self, wanted: Wanted, cursor: str | None, limit: int) -> Page:
        """At most `limit` documents. Raises BadCursor."""
        after = _position(cursor, wanted) if cursor else _Position()
        items: list[Found] = []
        try:
            for found in self._found(wanted, after):
                items.append(found)
                if len(items) == limit:
                    return Page(tuple(items), _cursor(_Position(found.day, found.source, found.id), wanted))
        except _Exhausted as exhausted:
            return Page(tuple(items), _cursor(exhausted.position, wanted))
        return Page(tuple(items), None)

    def _found(self, wanted: Wanted, after: _Position) -> Iterator[Found]:
        looked_at = 0
        for day, source in self._folders(wanted, after):
            folder = f"{day:%Y/%m/%d}/{source}"
            start = after.id if (day, source) == (after.day, after.source) else ""
            status_of = self._statuses(folder, start, wanted.stage)
            for name, _ in _listing(self._store, "documents", folder, start):
                looked_at += 1
                status = status_of(name)
                if wanted.status in {None, status}:
                    yield Found(name, day, source, status)
                if looked_at == self._most_documents:
                    raise _Exhausted(_Position(day, source, name))

    def _folders(self, wanted: Wanted, after: _Position) -> Iterator[tuple[date, str]]:
        """The days and sources to look into, from that of `after` on."""
        opened = 0
        for day in self._days(max(after.day, wanted.first or date.min), wanted.last or date.max):
            is_begun = day == after.day
            if wanted.source is not None:
                sources: Iterable[str] = [wanted.source]
            else:
                sources = sorted(self._store.folders(f"documents/{day:%Y/%m/%d}/"))
            for source in sources:
                if is_begun and (source < after.source or (source == after.source and after.id == _LAST)):
                    continue
                yield day, source
                opened += 1
                if opened >= self._most_folders:
                    raise _Exhausted(_Position(day, source, _LAST))

    def _days(self, first: date, last: date) -> Iterator[date]:
        for year in sorted(self._store.folders("documents/")):
            if not first.year <= int(year) <= last.year:
                continue
            for month in sorted(self._store.folders(f"documents/{year}/")):
                if not (first.year, first.month) <= (int(year), int(month)) <= (last.year, last.month):
                    continue
                for day in sorted(self._store.folders(f"documents/{year}/{month}/")):
                    if first <= (when := date(int(year), int(month), int(day))) <= last:
                        yield when

    def _statuses(self, folder: str, start: str, stage: str | None) -> Callable[[str], State | StageState]:
        """What tells the status of the documents of a folder; to be asked in ascending order.

        Of each kind of key there is one listing, opened only when a document needs it.
        """

        def listings(prefixes: Iterable[str]) -> Callable[[str], bool]:
            opened: list[Listing] = []

            def has(name: str) -> bool:
                if not opened:
                    opened.extend(_listing(self._store, prefix, folder, start) for prefix in prefixes)
                return any(listing.modified(name) for listing in opened)

            return has

        def artifacts(name: str) -> Callable[[str], bool]:
            prints = sorted({bundle.fingerprints[name] for bundle in self._bundles.values()})
            return listings([f"{name}/{print}" for print in prints])

        if stage is not None:
            has_artifact, is_stopped = artifacts(stage), listings([f"quarantine/{stage}"])
            return lambda name: "present" if has_artifact(name) else "quarantined" if is_stopped(name) else "missing"
        recorded, parsed = listings(["records"]), artifacts("parse")
        given_up = listings([f"quarantine/{each}" for each in STAGES])
        languages = (each for each in self._store.folders("unsupported/") if each not in self._bundles)
        unsupported = listings(f"unsupported/{language}" for language in languages)
        return lambda name: (
            "recorded"
            if recorded(name)
            else state_of(
                is_recorded=False,
                is_given_up=given_up(name),
                is_unsupported=unsupported(name),
                is_begun=parsed(name),
            )
        )


def _listing(store: ArtifactStore, prefix: str, folder: str, start: str) -> Listing:
    """From the document after `start` on: with a tilde, its key sorts right after all those of the document."""

    def entries() -> Iterator[Entry]:
        yield from store.entries(f"{prefix}/{folder}/", f"{prefix}/{folder}/{start}~" if start else None)

    return Listing(entries())


def _cursor(position: _Position, wanted: Wanted) -> str:
    raw = f"{position.day:%Y-%m-%d}/{position.source}/{position.id}/{_digest(wanted)}"
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def _position(cursor: str, wanted: Wanted) -> _Position:
    """A cursor gives nothing that its sender could not ask for without, so it is checked and not signed."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        day, source, name, digest = raw.split("/")
        position = _Position(date.fromisoformat(day), source, name)
    except (ValueError, binascii.Error) as error:
        raise BadCursor("it is not one that a page gave as next") from error
    if not _SOURCE.fullmatch(source) or not (is_document_id(name) or name == _LAST):
        raise BadCursor("it is not one that a page gave as next")
    if digest != _digest(wanted):
        raise BadCursor("it belongs to another question: source, from, to, stage and status have to stay the same")
    return position


def _digest(wanted: Wanted) -> str:
    return hashlib.sha256(msgspec.json.encode(wanted)).hexdigest()[:8]
