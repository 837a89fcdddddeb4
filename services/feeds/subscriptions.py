"""What is subscribed to: one object a feed in the store, `feeds/{id}.json`, with all that is known of it.

What changes with every poll (`Pulse`) lies in the broker besides, and goes into the object only now and then. When the
broker is lost, so is what the polls since then taught about how often the feed changes, and its validators: it is
fetched once without them. Which entries were seen is written before the poll is over, so no entry is missed for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from pipeline.store import ArtifactStore, NotFound

_PREFIX = "feeds/"

Status = Literal["active", "failing", "gone"]


class Options(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What the operator said of a feed."""

    source: str = ""  # the documents' source
    language: str | None = None  # of entries that do not name theirs
    full_text: bool = False  # fetch the article pages
    transcripts: bool = False  # fetch podcast transcripts
    interval: float | None = None  # seconds; None: as often as it changes


class Pulse(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What polling knows of a feed: validators, how it fares, and how often it changes. Times are Unix time, seconds.

    `polls`, `changes` and `watched` (seconds) count the last ones more than those before; see services/feeds/rhythm.py.
    """

    status: Status = "active"
    outcome: str = "new"  # of the last poll
    explanation: str = ""
    polled: float = 0.0
    changed: float = 0.0
    due: float = 0.0
    interval: float = 0.0
    polls: float = 0.0
    changes: float = 0.0
    watched: float = 0.0
    failures: int = 0  # in a row
    failing_since: float = 0.0
    validated_url: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    body: str | None = None  # digest of the last body
    is_pending: bool = False  # some entries are still to be admitted, so that an unchanged feed is read all the same
    tries: dict[str, int] = {}  # entry -> how often its page could not be fetched


class Subscription(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A feed. `url` is what was subscribed to, `moved_to` where permanent redirects have led since."""

    schema: Literal["efir.feed/1"] = "efir.feed/1"
    id: str
    url: str
    added: float
    options: Options = Options()
    moved_to: str | None = None
    title: str = ""
    site: str | None = None
    hub: str | None = None
    seen: dict[str, str] = {}  # digest of an entry's identity -> digest of its content, the last seen last
    pulse: Pulse = Pulse()

    @property
    def address(self) -> str:
        return self.moved_to or self.url


def feed_id(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def entry_key(identity: str) -> str:
    return hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()[:16]


def remember(seen: Mapping[str, str], now: Mapping[str, str], most: int) -> dict[str, str]:
    """`seen` and what was seen `now`, which comes last; above `most` entries the first are forgotten."""
    merged = {key: digest for key, digest in seen.items() if key not in now} | dict(now)
    return dict(list(merged.items())[-most:])


class Subscriptions:
    """Every method raises StoreUnavailable or StoreRefused when the store does not do it."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store

    def add(self, subscription: Subscription) -> bool:
        """False when the feed is there already."""
        return self._store.create(_key(subscription.id), msgspec.json.encode(subscription))

    def put(self, subscription: Subscription) -> None:
        self._store.replace(_key(subscription.id), msgspec.json.encode(subscription))

    def get(self, name: str) -> Subscription | None:
        """None when there is no such feed. Raises ValueError when its object cannot be read."""
        try:
            data = self._store.get(_key(name))
        except NotFound:
            return None
        try:
            return msgspec.json.decode(data, type=Subscription)
        except msgspec.MsgspecError as error:
            raise ValueError(f"{_key(name)} in the store cannot be read: {error}") from error

    def remove(self, name: str) -> None:
        self._store.delete(_key(name))

    def ids(self) -> Iterator[str]:
        return (key.removeprefix(_PREFIX).removesuffix(".json") for key in self._store.list(_PREFIX))

    def any(self) -> bool:
        return next(self.ids(), None) is not None


def _key(name: str) -> str:
    return f"{_PREFIX}{name}.json"
