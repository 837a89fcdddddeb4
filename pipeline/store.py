"""The artifact store: one bucket of any S3, written so that the first writer wins.

`create` is a PUT with `If-None-Match: *`: an artifact that exists is never overwritten, and of two workers that race
for one document exactly one writes. The minio client offers no header argument for that (and sends what is put into
`metadata=` under another name, which silently overwrites), so the request is signed by the client and sent through
its connection pool.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import NamedTuple, Protocol

import urllib3
from minio import Minio
from minio.deleteobjects import DeleteObject
from minio.error import InvalidResponseError, S3Error, ServerError
from urllib3.exceptions import HTTPError

from pipeline.transcript import Place

JSON = "application/json"
CONLLU = "text/plain; charset=utf-8"


class StoreUnavailable(Exception):
    """The store did not answer, or answered that it cannot now. Worth trying again later."""


class StoreRefused(Exception):
    """The store answered no for good: wrong credentials, no such bucket, a request it does not understand."""


class NotFound(KeyError):
    """Nothing lies under the key."""


class Entry(NamedTuple):
    """What a listing says of a key. `modified` is Unix time by the store's clock, in whole seconds; `size` in bytes."""

    key: str
    size: int
    modified: float


class Observer(Protocol):
    """Told of every operation: its name, how long it took, and how it ended (`ok` or the kind of error)."""

    def __call__(self, operation: str, seconds: float, outcome: str) -> None: ...


def document_key(place: Place) -> str:
    return f"documents/{place.path}.json"


def artifact_key(stage: str, fingerprint: str, place: Place) -> str:
    return f"{stage}/{fingerprint}/{place.path}.json"


def conllu_key(fingerprint: str, place: Place) -> str:
    return f"parse/{fingerprint}/{place.path}.conllu"


def record_key(place: Place) -> str:
    return f"records/{place.path}.json"


def quarantine_key(stage: str, place: Place) -> str:
    return f"quarantine/{stage}/{place.path}.json"


def id_key(document_id: str) -> str:
    """The claim on an id: its content is the path of the place the document was given."""
    return f"ids/{document_id}"


def story_key(story: str) -> str:
    """The id of the latest revision of a story."""
    return f"stories/{story}"


class ArtifactStore:
    """Bytes under keys. Every method raises StoreUnavailable or StoreRefused when the store does not do it."""

    def __init__(self, client: Minio, pool: urllib3.PoolManager, bucket: str) -> None:
        self._client = client
        self._pool = pool
        self._bucket = bucket
        self.observer: Observer | None = None

    @classmethod
    def connect(
        cls,
        endpoint: str,
        bucket: str,
        access_key: str,
        secret_key: str,
        *,
        region: str = "us-east-1",
        timeout: float = 10.0,
        connections: int = 16,
    ) -> ArtifactStore:
        """`endpoint` is `http://host:port` or `https://host`; `timeout` bounds one connect or read, in seconds."""
        url = urllib3.util.parse_url(endpoint)
        if url.scheme not in {"http", "https"} or not url.host or url.path not in {None, "/"}:
            raise ValueError(f"store endpoint {endpoint!r}: expected http://host:port or https://host")
        # Retrying is the caller's: it knows whether the document or the whole worker has to wait.
        pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=timeout, read=timeout), retries=False, maxsize=connections
        )
        client = Minio(
            url.netloc or "",
            access_key,
            secret_key,
            secure=url.scheme == "https",
            region=region,
            http_client=pool,
        )
        return cls(client, pool, bucket)

    def ensure_bucket(self) -> None:
        with self._operation("bucket"):
            if not self._client.bucket_exists(self._bucket):
                self._client.make_bucket(self._bucket)

    def create(self, key: str, data: bytes, content_type: str = JSON) -> bool:
        """Write `data` unless something lies there already. True when this call wrote it."""
        with self._operation("create"):
            url = self._client.presigned_put_object(self._bucket, key, expires=timedelta(minutes=5))
            response = self._pool.urlopen(
                "PUT", url, body=data, headers={"If-None-Match": "*", "Content-Type": content_type}
            )
            if response.status == 200:
                return True
            if response.status == 412:
                return False
            raise _refusal(response.status, f"PUT {key}: {response.data[:300]!r}")

    def replace(self, key: str, data: bytes, content_type: str = JSON) -> None:
        """Write `data` whatever lies there. For records and quarantine entries, which may change."""
        with self._operation("replace"):
            self._client.put_object(self._bucket, key, io.BytesIO(data), len(data), content_type)

    def get(self, key: str) -> bytes:
        """Raises NotFound when nothing lies under `key`."""
        with self._operation("get"):
            response = self._client.get_object(self._bucket, key)
            try:
                return response.read()
            finally:
                response.close()
                response.release_conn()

    def exists(self, key: str) -> bool:
        return self.modified(key) is not None

    def modified(self, key: str) -> float | None:
        """When `key` was written: Unix time by the store's clock, in whole seconds. None when nothing lies there."""
        try:
            with self._operation("stat"):
                at = self._client.stat_object(self._bucket, key).last_modified
        except NotFound:
            return None
        return at.timestamp() if at is not None else 0.0

    def delete(self, key: str) -> None:
        """Remove what lies under `key`; nothing there is no error."""
        with self._operation("delete"):
            self._client.remove_object(self._bucket, key)

    def delete_all(self, keys: Iterable[str]) -> None:
        """Remove what lies under `keys`, a thousand in one request; nothing there is no error."""
        with self._operation("delete_all"):
            for error in self._client.remove_objects(self._bucket, (DeleteObject(key) for key in keys)):
                raise StoreUnavailable(f"the object store did not remove {error.name}: {error.code} {error.message}")

    def list(self, prefix: str, after: str | None = None) -> Iterator[str]:
        """Keys under `prefix`, streamed page by page, from the one after `after` on.

        In order within a folder. Across folders S3 orders by the whole key and SeaweedFS by folder: "a-b/1" and "a/1"
        come either way, so what merges listings goes folder by folder.
        """
        return (entry.key for entry in self.entries(prefix, after))

    def entries(self, prefix: str, after: str | None = None) -> Iterator[Entry]:
        """As `list`, with sizes and times."""
        with self._operation("list"):
            for item in self._client.list_objects(self._bucket, prefix=prefix, recursive=True, start_after=after):
                if item.object_name is not None:
                    at = item.last_modified.timestamp() if item.last_modified else 0.0
                    yield Entry(item.object_name, item.size or 0, at)

    def folders(self, prefix: str) -> Iterator[str]:
        """The folders directly under `prefix` (which ends in a slash): their names, without slashes, in order."""
        with self._operation("list"):
            for item in self._client.list_objects(self._bucket, prefix=prefix):
                if item.is_dir and item.object_name is not None:
                    yield item.object_name[len(prefix) : -1]

    @contextmanager
    def _operation(self, name: str) -> Iterator[None]:
        """Translate what the client raises into this module's errors, and tell the observer."""
        started = time.perf_counter()
        outcome = "ok"
        try:
            yield
        except S3Error as error:
            status = getattr(error.response, "status", 0)
            if error.code in {"NoSuchKey", "NoSuchObject"} or (status == 404 and error.code != "NoSuchBucket"):
                outcome = "not_found"
                raise NotFound(error.object_name) from error
            translated = _refusal(status, f"{error.code}: {error.message} ({error.resource})")
            outcome = _kind(translated)
            raise translated from error
        except (ServerError, InvalidResponseError, HTTPError, OSError) as error:
            outcome = "unavailable"
            raise StoreUnavailable(f"the object store does not answer: {error}") from error
        except (StoreUnavailable, StoreRefused) as error:
            outcome = _kind(error)
            raise
        finally:
            if self.observer is not None:
                self.observer(name, time.perf_counter() - started, outcome)


def _refusal(status: int, what: str) -> StoreUnavailable | StoreRefused:
    """5xx, "slow down" and "somebody is writing this key" pass; everything else will say the same again."""
    if status >= 500 or status in {408, 409, 429}:
        return StoreUnavailable(f"the object store answered {status}: {what}")
    return StoreRefused(
        f"the object store refused ({status}): {what}. Check EFIR_STORE_ENDPOINT, the bucket and the keys."
    )


def _kind(error: Exception) -> str:
    return "unavailable" if isinstance(error, StoreUnavailable) else "refused"
