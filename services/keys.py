"""API keys: who may do what over HTTP, and how often.

A key is `efir_{id}_{secret}`, shown once. The store keeps `keys/{id}.json` with the SHA-256 of the secret. A slow hash,
as passwords need, would protect nothing here: the secret is 256 random bits, which nobody can try through, at whatever
speed; NIST SP 800-63B, 5.1.2.2, asks for salt and a slow hash only below 112 bits of entropy
(https://pages.nist.gov/800-63-3/sp800-63b.html#lookupsecrets).

A key that was taken back is disabled, not deleted: its id in old logs keeps its name.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from threading import Lock
from typing import Literal

import msgspec

from pipeline.artifact import decode, encode
from pipeline.store import ArtifactStore, NotFound

_TOKEN = re.compile(r"efir_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
# What the secret of an id that nobody has is compared with, so that it takes as long as that of one that somebody has.
_NOBODYS = hashlib.sha256(secrets.token_bytes(32)).hexdigest()


class Scope(StrEnum):
    """What a key may do. None of them contains another."""

    READ = "read"
    INGEST = "ingest"
    ADMIN = "admin"


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What the store keeps of a key. A rate of None is that of the settings."""

    schema: Literal["efir.key/1"] = "efir.key/1"
    id: str
    name: str
    digest: str  # SHA-256 of the secret, in hex
    scopes: tuple[Scope, ...]
    requests_per_minute: int | None = None
    documents_per_minute: int | None = None
    created: datetime
    expires: datetime | None = None
    disabled: datetime | None = None

    def is_valid(self, at: datetime) -> bool:
        return self.disabled is None and (self.expires is None or at < self.expires)


class Keys:
    """The keys in the store. Every method raises StoreUnavailable or StoreRefused when the store does not do it."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store

    def add(
        self,
        name: str,
        scopes: tuple[Scope, ...],
        *,
        requests_per_minute: int | None = None,
        documents_per_minute: int | None = None,
        expires: datetime | None = None,
    ) -> tuple[Key, str]:
        """Make a key; returns it with its token, which is told to nobody again."""
        secret = secrets.token_urlsafe(32)
        key = Key(
            id=secrets.token_hex(6),
            name=name,
            digest=_digest(secret),
            scopes=scopes,
            requests_per_minute=requests_per_minute,
            documents_per_minute=documents_per_minute,
            created=datetime.now(UTC),
            expires=expires,
        )
        while not self._store.create(_key(key.id), encode(key)):  # one in 2^48 for each key there is
            key = msgspec.structs.replace(key, id=secrets.token_hex(6))
        return key, _token(key.id, secret)

    def get(self, name: str) -> Key | None:
        """The key with the id `name`."""
        try:
            return decode(self._store.get(_key(name)), Key, _key(name))
        except NotFound:
            return None

    def ids(self) -> list[str]:
        return [key.removeprefix("keys/").removesuffix(".json") for key in self._store.list("keys/")]

    def all(self) -> Iterator[Key]:
        found = (self.get(name) for name in self.ids())
        return (key for key in found if key is not None)

    def disable(self, key: Key) -> Key:
        """Take a key back. One that was taken back stays so, with the time of the first."""
        disabled = msgspec.structs.replace(key, disabled=key.disabled or datetime.now(UTC))
        self._store.replace(_key(key.id), encode(disabled))
        return disabled

    def rotate(self, key: Key) -> str:
        """Give a key another secret; returns the token. The one before is worth nothing from now on."""
        secret = secrets.token_urlsafe(32)
        self._store.replace(_key(key.id), encode(msgspec.structs.replace(key, digest=_digest(secret))))
        return _token(key.id, secret)


class Keyring:
    """The keys as a process that is asked all the time sees them: as they were at most `seconds` ago.

    So a key that is taken back opens nothing after `seconds`. An id that the last listing does not name costs no look
    into the store, so strangers who guess cost nothing either.
    """

    def __init__(self, keys: Keys, seconds: float) -> None:
        self._keys = keys
        self._seconds = seconds
        self._lock = Lock()
        self._listed = float("-inf")
        self._ids: frozenset[str] = frozenset()
        self._known: dict[str, tuple[float, Key | None]] = {}

    def is_empty(self) -> bool:
        """Whether no key was ever made."""
        with self._lock:
            return not self._listing()

    def find(self, token: str) -> Key | None:
        """The valid key that `token` is; None for whatever is wrong with it, in the same time."""
        match = _TOKEN.fullmatch(token)
        name, secret = match.groups() if match else ("", "")
        with self._lock:
            key = self._look_up(name)
        is_right = hmac.compare_digest(_digest(secret), key.digest if key is not None else _NOBODYS)
        return key if is_right and key is not None and key.is_valid(datetime.now(UTC)) else None

    def _look_up(self, name: str) -> Key | None:
        if name not in self._listing():
            return None
        at, key = self._known.get(name, (float("-inf"), None))
        if time.monotonic() - at > self._seconds:
            key = self._keys.get(name)
            self._known[name] = time.monotonic(), key
        return key

    def _listing(self) -> frozenset[str]:
        if time.monotonic() - self._listed > self._seconds:
            self._ids = frozenset(self._keys.ids())
            self._known = {name: known for name, known in self._known.items() if name in self._ids}
            self._listed = time.monotonic()
        return self._ids


def _key(name: str) -> str:
    return f"keys/{name}.json"


def _token(name: str, secret: str) -> str:
    return f"efir_{name}_{secret}"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
