"""The object store: does it answer, may we, and is it an S3 as this pipeline needs one.

What is needed and what not every S3 does: a PUT with `If-None-Match: *` that is refused when something lies there, also
when several come at once; reads and listings that see what was just written; listings in order within a folder.
"""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from pipeline.store import ArtifactStore, NotFound, StoreRefused, StoreUnavailable
from services.checks.finding import Finding, failed, ok, warning
from services.keys import Keys
from services.object_store import connect_store
from services.settings import Settings

# Stores that do, as of their documentation.
_ADVICE = "use a store that does: SeaweedFS, MinIO, AWS S3, Ceph RGW or Cloudflare R2, of a recent release"
# A document takes some thirty operations, eight at a time, beside half a second of computing.
_SLOW_SECONDS = 0.05
_KEYS = 20
# SeaweedFS lets who comes second wait for a second or two, and whoever comes after for more.
_RACES, _RACERS = 2, 3
# S3 refuses requests that are signed 15 minutes ahead or behind.
_SKEW_SECONDS, _REFUSED_SECONDS = 60.0, 600.0


def check_store(settings: Settings, *, is_embedded: bool) -> Iterator[Finding]:
    try:
        store = connect_store(settings)
        store.ensure_bucket()
        yield _clock(store)
    except ValueError as error:
        yield failed("store", str(error), "correct EFIR_STORE_ENDPOINT")
        return
    except StoreUnavailable as error:
        yield failed("store", str(error), "start it, let this machine reach it, or correct EFIR_STORE_ENDPOINT")
        return
    except StoreRefused as error:
        todo = "allow the key to list, read, write and delete in the bucket, and to make it when it is not there"
        yield failed("store", str(error), todo)
        return
    yield ok("store", f"{settings.store_endpoint} answers, and the bucket {settings.store_bucket} is there")
    folder = f"check/{secrets.token_hex(8)}/"
    try:
        for check in (_conditional, _race, _read_after_write, _listing):
            yield from _tried(check, store, folder)
    finally:
        _remove(store, folder)
    yield _keys(store, is_embedded)
    yield _feeds(settings, store)


def _tried(
    check: Callable[[ArtifactStore, str], Iterator[Finding]], store: ArtifactStore, folder: str
) -> Iterator[Finding]:
    try:
        yield from check(store, folder)
    except (StoreUnavailable, StoreRefused, NotFound, ValueError) as error:  # of an answer that is not S3's
        name = check.__name__.strip("_").replace("_", " ")
        yield failed(f"store: {name}", str(error), "see the store's log; the key must list, read, write and delete")


def _conditional(store: ArtifactStore, folder: str) -> Iterator[Finding]:
    what, key = "store: write once", f"{folder}once"
    first, second = store.create(key, b"first", "text/plain"), store.create(key, b"second", "text/plain")
    kept = store.get(key)
    if not first:
        yield failed(what, "it says that something lies under a new key", _ADVICE)
    elif second or kept != b"first":
        yield failed(what, "it overwrites in spite of If-None-Match: * (efir must be told 412)", _ADVICE)
    else:
        yield ok(what, "the second PUT with If-None-Match: * is answered 412, and changes nothing")


def _race(store: ArtifactStore, folder: str) -> Iterator[Finding]:
    """Of several that write a key at once one must win; a store that checks first and writes then lets two."""
    what = "store: races"
    with ThreadPoolExecutor(_RACERS) as pool:
        for round_ in range(_RACES):
            key = f"{folder}race-{round_}"
            won = list(pool.map(lambda number, key=key: _wins(store, key, number), range(_RACERS)))
            winners = [number for number, has_won in enumerate(won) if has_won]
            if len(winners) != 1 or store.get(key) != str(winners[0]).encode():
                yield failed(
                    what, f"of {_RACERS} who wrote a key at once, {len(winners)} were told that they did", _ADVICE
                )
                return
    yield ok(what, f"of {_RACERS} who write a key at once, one does, in each of {_RACES} rounds")


def _wins(store: ArtifactStore, key: str, number: int) -> bool:
    try:
        return store.create(key, str(number).encode(), "text/plain")
    except StoreUnavailable:  # 409: somebody is writing it
        return False


def _read_after_write(store: ArtifactStore, folder: str) -> Iterator[Finding]:
    what, reads, writes, stale = "store: read after write", list[float](), list[float](), 0
    for number in range(_KEYS):
        key, said = f"{folder}read/{number:02}", secrets.token_bytes(1000)
        started = time.perf_counter()
        store.create(key, said)
        written = time.perf_counter()
        stale += store.get(key) != said
        writes.append(written - started)
        reads.append(time.perf_counter() - written)
        store.replace(key, said[::-1])
        stale += store.get(key) != said[::-1]
    gone = f"{folder}read/00"
    store.delete(gone)
    stale += store.exists(gone)
    if stale:
        yield failed(what, f"{stale} of {2 * _KEYS + 1} reads were of what was before", _ADVICE)
    else:
        yield ok(what, "a read sees the last write, and the last delete")
    write, read = statistics.median(writes), statistics.median(reads)
    took = f"a write takes {write * 1000:.0f} ms, a read {read * 1000:.0f} ms"
    if max(write, read) > _SLOW_SECONDS:
        yield warning("store: latency", took, "run workers near the store, or raise EFIR_STORE_CONNECTIONS")
    else:
        yield ok("store: latency", took)


def _listing(store: ArtifactStore, folder: str) -> Iterator[Finding]:
    what = "store: listing"
    names = [f"{number * 7919 % 4096:04x}-{number:08x}.json" for number in range(_KEYS)]
    for name in names:
        store.create(f"{folder}list/{name}", b"{}")
    store.create(f"{folder}list-2/{names[0]}", b"{}")
    wanted = [f"{folder}list/{name}" for name in sorted(names)]
    if list(store.list(f"{folder}list/")) != wanted:
        yield failed(what, "it lacks what was just written, or is not in the order of the keys", _ADVICE)
    elif list(store.list(f"{folder}list/", wanted[5])) != wanted[6:]:
        yield failed(what, "it does not begin after the key it is asked for (start-after)", _ADVICE)
    elif list(store.folders(folder)) != ["list", "list-2", "read"]:
        yield failed(what, "it does not tell the folders under a prefix (delimiter)", _ADVICE)
    else:
        yield ok(what, "it is in order, sees the last write, begins where it is asked to, and tells folders")


def _clock(store: ArtifactStore) -> Finding:
    skew = time.time() - store.clock() - 0.5  # it tells whole seconds
    said = f"this machine's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the store's"
    if abs(skew) > _REFUSED_SECONDS:
        return failed("store: clock", said, "run NTP on both: S3 refuses what is signed 15 minutes off")
    if abs(skew) > _SKEW_SECONDS:
        return warning("store: clock", said, "run NTP on both: S3 refuses what is signed 15 minutes off")
    return ok("store: clock", said)


def _keys(store: ArtifactStore, is_embedded: bool) -> Finding:
    """Of the HTTP API: without any, it answers only callers of its own machine."""
    now = datetime.now(UTC)
    valid = [key.is_valid(now) for key in Keys(store).all()]
    if any(valid):
        return ok("api: keys", f"{sum(valid)} of {len(valid)} are valid")
    if valid:
        return warning(
            "api: keys", f"none of {len(valid)} is valid: nobody is answered", "make one: efir keys add --help"
        )
    if is_embedded:
        return ok("api: keys", "none was made: the API answers callers of this machine only")
    return warning("api: keys", "none was made: the API answers callers of its machine only", "efir keys add --help")


def _feeds(settings: Settings, store: ArtifactStore) -> Finding:
    """Whoever is polled and cannot reach the one who polls has no choice but to block."""
    if next(iter(store.list("feeds/")), None) is None:
        return ok("feeds", "none is subscribed to")
    if not settings.fetch_contact:
        return warning("feeds", "the User-Agent names no contact", "set EFIR_FETCH_CONTACT to a URL or an address")
    return ok("feeds", f"the User-Agent names {settings.fetch_contact}")


def _remove(store: ArtifactStore, folder: str) -> None:
    try:
        store.delete_all(list(store.list(folder)))
    except (StoreUnavailable, StoreRefused):
        return  # what was found says so already
