"""A server of files as Stanza's are served: a list of resources under /list, models under /models, with the faults
that networks have."""

from __future__ import annotations

import hashlib
from collections import Counter
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from tests.services.stand_in import StandIn


class StandInHub(StandIn):
    """`files` by path. Of a path in `cut` so many bytes come and then the end, once for each number; what is in
    `damaged` comes with another first byte; what is in `busy` is answered 503 so many times."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.files: dict[str, bytes] = {}
        self.cut: dict[str, list[int]] = {}
        self.damaged: set[str] = set()
        self.busy: Counter[str] = Counter()
        self.does_ranges = True
        self.moved: dict[str, str] = {}
        self.asked: list[tuple[str, str]] = []  # path, range

    def md5(self, path: str) -> str:
        return hashlib.md5(self.files[path]).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandInHub

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        hub = self.server
        asked = self.headers.get("Range", "")
        hub.asked.append((path, asked))
        if path in hub.moved:
            self._head(302, 0, Location=hub.moved[path])
            return
        if hub.busy[path]:
            hub.busy[path] -= 1
            self._head(503, 0)
            return
        if path not in hub.files:
            self._head(404, 0)
            return
        data = hub.files[path]
        if path in hub.damaged:
            data = bytes([data[0] ^ 1]) + data[1:]
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and hub.does_ranges else 0
        if start and start >= len(data):
            self._head(416, 0)
            return
        rest = data[start:]
        if start:
            self._head(206, len(rest), **{"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"})
        else:
            self._head(200, len(rest))
        if hub.cut.get(path):
            self.wfile.write(rest[: hub.cut[path].pop(0)])
            self.wfile.flush()
            self.close_connection = True
            return
        self.wfile.write(rest)

    def _head(self, status: int, length: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass
