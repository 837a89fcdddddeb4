"""An S3 in memory with the faults that some have: it overwrites in spite of If-None-Match, looks before it writes and
lets two in, shows what was before, lists in another order, or has another clock. It checks no signature."""

from __future__ import annotations

import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.services.stand_in import StandIn

_DATE = "2026-03-01T00:00:00.000Z"


class StandInS3(StandIn):
    """`faults` are of `overwrites`, `races`, `stale`, `unordered`; `ahead`: of its clock, in seconds."""

    def __init__(self, *faults: str, ahead: float = 0.0) -> None:
        super().__init__(_Handler)
        self.faults = set(faults)
        self.ahead = ahead
        self.objects: dict[str, bytes] = {}
        self.before: dict[str, bytes] = {}
        self.lock = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # head and body in one packet, or the client's kernel waits for more
    server: StandInS3

    def do_HEAD(self) -> None:
        key = self._key()
        self._answer(200 if not key or key in self.server.objects else 404, is_head=True)

    def do_GET(self) -> None:
        if not self._key():
            self._list(parse_qs(urlsplit(self.path).query))
            return
        objects, key = self.server.objects, self._key()
        if "stale" in self.server.faults and key in self.server.before:
            self._answer(200, self.server.before[key])
        elif key in objects:
            self._answer(200, objects[key])
        else:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def do_PUT(self) -> None:
        key, data = self._key(), self.rfile.read(int(self.headers.get("Content-Length", 0)))
        is_first_only = self.headers.get("If-None-Match") == "*" and "overwrites" not in self.server.faults
        if "races" in self.server.faults:
            is_there = key in self.server.objects
            time.sleep(0.02)
            self._put(key, data, is_first_only and is_there)
        else:
            with self.server.lock:
                self._put(key, data, is_first_only and key in self.server.objects)

    def do_DELETE(self) -> None:
        self.server.objects.pop(self._key(), None)
        self._answer(204)

    def do_POST(self) -> None:
        """Removing many at once: all of them, here."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.objects.clear()
        self._answer(200, b"<DeleteResult></DeleteResult>")

    def _put(self, key: str, data: bytes, is_refused: bool) -> None:
        if is_refused:
            self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            return
        if key in self.server.objects:
            self.server.before[key] = self.server.objects[key]
        self.server.objects[key] = data
        self._answer(200)

    def _list(self, query: dict[str, list[str]]) -> None:
        prefix, after = query.get("prefix", [""])[0], query.get("start-after", [""])[0]
        keys = [key for key in list(self.server.objects) if key.startswith(prefix) and key > after]
        if "unordered" not in self.server.faults:
            keys.sort()
        items = ""
        if query.get("delimiter", [""])[0]:
            folders = sorted({key[len(prefix) :].partition("/")[0] for key in keys if "/" in key[len(prefix) :]})
            items = "".join(f"<CommonPrefixes><Prefix>{prefix}{name}/</Prefix></CommonPrefixes>" for name in folders)
        else:
            items = "".join(
                f"<Contents><Key>{escape(key)}</Key><LastModified>{_DATE}</LastModified><Size>1</Size></Contents>"
                for key in keys
            )
        self._answer(
            200, f"<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated>{items}</ListBucketResult>".encode()
        )

    def _key(self) -> str:
        return unquote(urlsplit(self.path).path).lstrip("/").partition("/")[2]

    def _answer(self, status: int, body: bytes = b"", *, is_head: bool = False) -> None:
        self.send_response_only(status)
        self.send_header("Date", formatdate(time.time() + self.server.ahead, usegmt=True))
        self.send_header("Content-Length", "0" if is_head else str(len(body)))
        self.send_header("ETag", '"0"')
        self.send_header("Last-Modified", formatdate(usegmt=True))
        self.end_headers()
        if not is_head:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests are read, not logs."""
