"""The artifact store: one bucket of any S3, written so that the first writer wins.

`create` is a PUT with `If-None-Match: *`: an artifact that exists is never overwritten, and of two workers that race
for one document exactly one writes. The minio client offers no header argument for that (and sends what is put into
`metadata=` under another name, which silently overwrites), so the request is signed by the client's signer and sent
through its connection pool.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple, Protocol
from urllib.parse import SplitResult, quote, urlsplit

import urllib3
from minio import Minio
from minio.credentials.credentials import Credentials
from minio.deleteobjects import DeleteObject
from minio.error import InvalidResponseError, S3Error, ServerError
from minio.signer import sign_v4_s3
from urllib3.exceptions import HTTPError

from pipeline.transcript import Place

JSON = "application/json"
CONLLU = "text/plain; charset=utf-8"


class StoreUnavailable(Exception):
    """The store did not answer, or answered that it cannot now. Worth trying again later.

    `code` is the store's word for it, or its HTTP status, or `no-answer`.
    """

    code = "no-answer"


class StoreRefused(Exception):
    """The store answered no for good: wrong credentials, no such bucket, a request it does not understand."""

    code = "no-answer"


class NotFound(KeyError):
    """Nothing lies under the key."""


class Entry(NamedTuple):
    """What a listing says of a key. `modified` is Unix time by the store's clock, in whole seconds; `size` in bytes."""

    key: str
    size: int
    modified: float


@dataclass
class Operation:
    """What is told of one operation. `folder` is the first part of its key; bytes are those of contents.

    `code` says more of an outcome that is an error: the store's word for it, its HTTP status, or `no-answer`.
    """

    name: str
    folder: str = ""
    seconds: float = 0.0
    outcome: Literal["ok", "not_found", "unavailable", "refused"] = "ok"
    code: str = ""
    written: int = 0
    read: int = 0


class Observer(Protocol):
    """Told of every operation when it is over."""

    def __call__(self, operation: Operation) -> None: ...


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


def text_key(digest: str) -> str:
    """The claim on a text: its content is the path of the place of the document that has it, or "removed"."""
    return f"texts/{digest}"


def story_key(story: str) -> str:
    """The id of the latest revision of a story, or "removed"."""
    return f"stories/{story}"


def sighting_key(place: Place, name: str) -> str:
    """Another place where the document's text, or nearly the same, was seen."""
    return f"sightings/{place.path}/{name}.json"


def unsupported_key(language: str, place: Place) -> str:
    """The mark of a document that waits for a bundle of its language."""
    return f"unsupported/{language}/{place.path}.json"


def removal_key(document_id: str) -> str:
    """What is remembered of a document that was taken down."""
    return f"removals/{document_id}.json"


class ArtifactStore:
    """Bytes under keys. Every method raises StoreUnavailable or StoreRefused when the store does not do it."""

    def __init__(
        self, client: Minio, pool: urllib3.PoolManager, bucket: str, credentials: Credentials, region: str
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._credentials = credentials
        self._region = region
        # The client knows whether the bucket is in the host's name or in the path.
        self._base = urlsplit(client.presigned_put_object(bucket, "x"))._replace(query="", fragment="")
        self._host = pool.connection_from_url(self._base.geturl())
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
        return cls(client, pool, bucket, Credentials(access_key, secret_key), region)

    def clock(self) -> float:
        """What time it is by the store's clock: Unix time, in whole seconds, from the Date header of an answer."""
        with self._operation("clock"):
            date = self._host.request("HEAD", f"{self._base.path[:-1]}").headers.get("Date")
            if date is None:
                raise StoreUnavailable("the object store does not say what time it is")
            return parsedate_to_datetime(date).timestamp()

    def ensure_bucket(self) -> None:
        with self._operation("bucket"):
            if not self._client.bucket_exists(self._bucket):
                self._client.make_bucket(self._bucket)

    def create(self, key: str, data: bytes, content_type: str = JSON) -> bool:
        """Write `data` unless something lies there already. True when this call wrote it."""
        with self._operation("create", key) as operation:
            url = self._base._replace(path=self._base.path[:-1] + quote(key))
            response = self._host.urlopen("PUT", url.path, body=data, headers=self._first_only(url, content_type))
            if response.status == 200:
                operation.written = len(data)
                return True
            if response.status == 412:
                return False
            raise _refusal(response.status, str(response.status), f"PUT {key}: {response.data[:300]!r}")

    def _first_only(self, url: SplitResult, content_type: str) -> dict[str, str]:
        """Signed headers: to sign headers costs a quarter less than to sign a URL."""
        now = datetime.now(UTC)
        headers: dict[str, str | list[str] | tuple[str]] = {
            "Host": url.netloc,
            "Content-Type": content_type,
            "If-None-Match": "*",
            "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
            "x-amz-date": f"{now:%Y%m%dT%H%M%SZ}",
        }
        signed = sign_v4_s3(
            method="PUT",
            url=url,
            region=self._region,
            headers=headers,
            credentials=self._credentials,
            content_sha256="UNSIGNED-PAYLOAD",
            date=now,
        )
        return {name: str(value) for name, value in signed.items()}

    def replace(self, key: str, data: bytes, content_type: str = JSON) -> None:
        """Write `data` whatever lies there. For records and quarantine entries, which may change."""
        with self._operation("replace", key) as operation:
            self._client.put_object(self._bucket, key, io.BytesIO(data), len(data), content_type)
            operation.written = len(data)

    def get(self, key: str) -> bytes:
        """Raises NotFound when nothing lies under `key`."""
        with self._operation("get", key) as operation:
            response = self._client.get_object(self._bucket, key)
            try:
                data = response.read()
                operation.read = len(data)
                return data
            finally:
                response.close()
                response.release_conn()

    def exists(self, key: str) -> bool:
        return self.modified(key) is not None

    def modified(self, key: str) -> float | None:
        """When `key` was written: Unix time by the store's clock, in whole seconds. None when nothing lies there."""
        try:
            with self._operation("stat", key):
                at = self._client.stat_object(self._bucket, key).last_modified
        except NotFound:
            return None
        return at.timestamp() if at is not None else 0.0

    def delete(self, key: str) -> None:
        """Remove what lies under `key`; nothing there is no error."""
        with self._operation("delete", key):
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
        with self._operation("list", prefix):
            for item in self._client.list_objects(self._bucket, prefix=prefix, recursive=True, start_after=after):
                if item.object_name is not None:
                    at = item.last_modified.timestamp() if item.last_modified else 0.0
                    yield Entry(item.object_name, item.size or 0, at)

    def folders(self, prefix: str) -> Iterator[str]:
        """The folders directly under `prefix` (which ends in a slash): their names, without slashes, in order."""
        with self._operation("list", prefix):
            for item in self._client.list_objects(self._bucket, prefix=prefix):
                if item.is_dir and item.object_name is not None:
                    yield item.object_name[len(prefix) : -1]

    @contextmanager
    def _operation(self, name: str, key: str = "") -> Iterator[Operation]:
        """Translate what the client raises into this module's errors, and tell the observer."""
        started = time.perf_counter()
        operation = Operation(name, key.partition("/")[0])
        try:
            yield operation
        except S3Error as error:
            status = getattr(error.response, "status", 0)
            if error.code in {"NoSuchKey", "NoSuchObject"} or (status == 404 and error.code != "NoSuchBucket"):
                operation.outcome = "not_found"
                raise NotFound(error.object_name) from error
            code = error.code or str(status)
            translated = _refusal(status, code, f"{error.code}: {error.message} ({error.resource})")
            operation.outcome, operation.code = _kind(translated), translated.code
            raise translated from error
        except (ServerError, InvalidResponseError, HTTPError, OSError) as error:
            unavailable = StoreUnavailable(f"the object store does not answer: {error}")
            if isinstance(error, ServerError):
                unavailable.code = str(error.status_code)
            operation.outcome, operation.code = "unavailable", unavailable.code
            raise unavailable from error
        except (StoreUnavailable, StoreRefused) as error:
            operation.outcome, operation.code = _kind(error), error.code
            raise
        finally:
            if self.observer is not None:
                operation.seconds = time.perf_counter() - started
                self.observer(operation)


def _refusal(status: int, code: str, what: str) -> StoreUnavailable | StoreRefused:
    """5xx, "slow down" and "somebody is writing this key" pass; everything else will say the same again."""
    error: StoreUnavailable | StoreRefused
    if status >= 500 or status in {408, 409, 429}:
        error = StoreUnavailable(f"the object store answered {status}: {what}")
    else:
        error = StoreRefused(
            f"the object store refused ({status}): {what}. Check EFIR_STORE_ENDPOINT, the bucket and the keys."
        )
    error.code = code
    return error


def _kind(error: Exception) -> Literal["unavailable", "refused"]:
    return "unavailable" if isinstance(error, StoreUnavailable) else "refused"
