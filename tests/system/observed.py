"""An installation with everything that runs, and a Prometheus that watches it."""

from __future__ import annotations

import contextlib
import http.server
import itertools
import os
import random
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from xml.sax.saxutils import escape

import httpx

from pipeline.transcript import Transcript
from services.embedded import _as_environment
from services.exporter.process import address_of
from tests.system import news
from tests.system.conftest import EFIR
from tests.system.prometheus import PrometheusServer
from tests.system.rig import Rig, until

_WORKERS = 2
_DUPLICATES, _WORDLESS = 0.3, 0.2  # shares of the requests that have one


class Observed:
    """Use as a context manager. `factor`: durations of the rules are divided by it."""

    def __init__(self, folder: Path, *, factor: float = 1.0, scrape_seconds: float = 1.0, **limits: Any) -> None:
        self._folder = folder
        self._limits = {
            "exporter_seconds": 2.0,
            "fetch_allow": "127.0.0.0/8",
            "store_timeout": 2.0,
            "hand_back_seconds": 5.0,
            "concurrency": 1,
            **limits,
        }
        self._factor = factor
        self._scrape = scrape_seconds
        self._others: list[subprocess.Popen[bytes]] = []
        self._over = threading.Event()
        self.news = news.stream()

    def __enter__(self) -> Observed:
        with contextlib.ExitStack() as stack:
            self.rig = stack.enter_context(Rig(self._folder, **self._limits))
            stack.callback(self._end)
            self._serve_feed(stack)
            ports = dict(zip(("api", "api-metrics", "feeds", "dispatcher"), free_ports(4), strict=True))
            self.efir("feeds", "add", self.feed, "--interval", "5", "--source", "strichka")
            self._start("api", "--port", str(ports["api"]), EFIR_METRICS_PORT=str(ports["api-metrics"]))
            self._start("feeds", "run", EFIR_METRICS_PORT=str(ports["feeds"]))
            self._start("exporter")
            self.rig.start_dispatcher(metrics_port=ports["dispatcher"])
            for _ in range(_WORKERS):
                self.rig.start_worker()
            self.api = f"http://127.0.0.1:{ports['api']}"
            until(lambda: _answers(f"{self.api}/healthz"), 60, "the API answering")
            self._targets = self.workers()
            exporter = until(lambda: address_of(self.rig.redis), 60, "the exporter being there")
            jobs = {
                "efir-worker": self._targets,
                "efir-exporter": [_target(exporter)],
                "efir-api": [f"127.0.0.1:{ports['api-metrics']}"],
                "efir-feeds": [f"127.0.0.1:{ports['feeds']}"],
                "efir-dispatcher": [f"127.0.0.1:{ports['dispatcher']}"],
            }
            self.prometheus = stack.enter_context(
                PrometheusServer(self._folder / "prometheus", jobs, self._factor, self._scrape)
            )
            self.began = time.time()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def efir(self, *arguments: str) -> str:
        """Run a command as an operator does; what it printed."""
        environment = {**os.environ, **_as_environment(self.rig.settings)}
        done = subprocess.run(
            [EFIR, *arguments], capture_output=True, text=True, timeout=120, check=False, env=environment
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def send(self, transcripts: Sequence[Transcript]) -> list[str]:
        """Through the API, as senders do, at most a hundred; what became of each: a verdict, or the reason why not."""
        items = [
            {"text": each.text, "source": each.source, "title": each.title, "id": each.guid} for each in transcripts
        ]
        answer = httpx.post(f"{self.api}/v1/transcripts", json=items, timeout=60)
        answer.raise_for_status()
        return [each.get("verdict") or each["error"]["reason"] for each in answer.json()["results"]]

    def load(self, seconds: float, rate: float) -> threading.Thread:
        """Send news from now on, so many documents a second, as senders are: some come twice, some have no words.

        It ends with the installation, too: `seconds` may be infinite.
        """
        sender = threading.Thread(target=self._load, args=(seconds, rate), name="load", daemon=True)
        sender.start()
        return sender

    def _load(self, seconds: float, rate: float) -> None:
        chance = random.Random(1)
        begun, sent = time.monotonic(), 0
        before = self.more(1)
        while (passed := time.monotonic() - begun) < seconds and not self._over.is_set():
            if sent > passed * rate:
                time.sleep(0.05)
                continue
            items = self.more(max(2, round(rate)))
            if chance.random() < _DUPLICATES:
                items[0] = chance.choice(before)
            if chance.random() < _WORDLESS:
                items[1] = Transcript(text="2 : 1", source=items[1].source)
            try:
                self.send(items)
            except httpx.HTTPError:
                time.sleep(1)  # the store is away, or admission closed; a sender tries again
                continue
            sent += len(items)
            before = items

    def more(self, count: int) -> list[Transcript]:
        return list(itertools.islice(self.news, count))

    def watch_workers(self) -> None:
        """Scrape also those that were started since; one that was killed stays a target that is down."""
        self._targets = [*dict.fromkeys([*self._targets, *self.workers()])]
        self.prometheus.scrape_also("efir-worker", self._targets)

    def workers(self) -> list[str]:
        """Where the workers that are there now serve their metrics: host:port."""
        return [_target(each.metrics) for each in self.rig._present()]

    # How it is made

    def _start(self, *arguments: str, **environment: str) -> None:
        with (self._folder / f"{arguments[0]}.log").open("ab") as log:
            process = subprocess.Popen(
                [EFIR, *arguments],
                env={**os.environ, **_as_environment(self.rig.settings), **environment},
                stdout=log,
                stderr=log,
            )
        self._others.append(process)

    def _end(self) -> None:
        self._over.set()
        for process in self._others:
            process.terminate()
        for process in self._others:
            process.wait(180)

    def _serve_feed(self, stack: contextlib.ExitStack) -> None:
        """A newspaper that has something new whenever it is asked."""
        stories = news.stream(seed=7)

        class Newspaper(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = feed(itertools.islice(stories, 3)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/rss+xml; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Said nowhere."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Newspaper)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        self.feed = f"http://127.0.0.1:{server.server_port}/feed"


def feed(stories: Iterator[Transcript]) -> str:
    items = "".join(
        f"<item><title>{escape(story.title)}</title><guid>{story.guid}</guid>"
        f"<description>{escape(story.text)}</description></item>"
        for story in stories
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>Стрічка</title>'
        f"<link>http://127.0.0.1/</link><description>Новини</description>{items}</channel></rss>"
    )


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _target(address: str) -> str:
    return address.removeprefix("http://").removesuffix("/metrics")


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False
