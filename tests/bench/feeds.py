"""What a poller costs: thousands of feeds on one small process. `make bench-feeds`.

A web server in a process of its own has the feeds, each under a host name of its own and with 20 entries of some 1,000
characters. Of ten feeds four answer 304 to a conditional request, three come compressed, one has moved for good, one
has neither ETag nor Last-Modified, and one answers 503. The first round finds everything new. Before each later round
every fifth feed gets a new entry, as it is when feeds are polled at the pace at which they change.

Admission only counts, unless --real is said: then documents are stored and enqueued for real, in the embedded servers.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import NamedTuple

import psutil

from pipeline.models.bundle import installed
from pipeline.readers import Rejected
from pipeline.transcript import Transcript
from services import broker, logs
from services.admission import Admission
from services.embedded import Embedded
from services.feeds.admitting import Admits
from services.feeds.parsing import Parsing
from services.feeds.poller import Parts, Poller
from services.feeds.polling import Polled, Polling
from services.feeds.schedule import Schedule
from services.feeds.subscriptions import Pulse, Subscription, Subscriptions, feed_id
from services.fetching import Fetcher
from services.object_store import connect_store
from services.settings import Settings

_ENTRIES = 20
_SENTENCE = "Міська рада розглянула кошторис ремонту мосту і відклала рішення до наступного засідання у четвер. "
_CHANGED = 5  # one of so many has something new in a round


def body(number: int, version: int) -> bytes:
    """A feed's RSS: `version` is how many rounds were before."""
    newest = _ENTRIES + (version if number % _CHANGED == 0 else 0)
    items = "".join(
        f"<item><title>Новина {entry} стрічки {number}</title><guid>urn:feed:{number}:{entry}</guid>"
        f"<link>/n/{entry}?utm_source=rss</link><pubDate>Fri, 02 Jan 2026 10:00:00 +0200</pubDate>"
        f"<description><![CDATA[<p>Новина {entry} стрічки {number}.</p><p>{_SENTENCE * 10}</p>]]></description></item>"
        for entry in range(newest, newest - _ENTRIES, -1)
    )
    return f'<rss version="2.0"><channel><title>Стрічка {number}</title>{items}</channel></rss>'.encode()


def answer(number: int, path: str, headers: bytes, version: int) -> bytes:
    kind = number % 10
    tag = f'"{number}-{version if number % _CHANGED == 0 else 0}"'
    if kind == 9:
        return b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n"
    if kind == 8 and path == "/feed":
        return b"HTTP/1.1 301 Moved\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n"
    if kind != 7 and tag.encode() in headers:
        return b"HTTP/1.1 304 Same\r\nContent-Length: 0\r\n\r\n"
    data, said = body(number, version), "" if kind == 7 else f"ETag: {tag}\r\n"
    if kind in {4, 5, 6}:
        data, said = gzip.compress(data, 1), said + "Content-Encoding: gzip\r\n"
    return f"HTTP/1.1 200 Here\r\n{said}Content-Length: {len(data)}\r\n\r\n".encode() + data


def serve(port: Synchronized[int], version: Synchronized[int]) -> None:
    """The server's process."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode()
                number = int(head.split(b"Host: f", 1)[1].split(b".", 1)[0])
                writer.write(answer(number, path, head, version.value))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0, backlog=1024)
        port.value = server.sockets[0].getsockname()[1]
        await server.serve_forever()

    asyncio.run(run())


class _Counted(NamedTuple):
    verdict: str = "admitted"


class Counting:
    """Admission that only counts; with `real` behind it, one that also admits."""

    def __init__(self, real: Admits | None) -> None:
        self.count = 0
        self._real = real

    def admit_all(self, transcripts: Sequence[Transcript], /) -> Sequence[_Counted | Rejected]:
        self.count += len(transcripts)
        if self._real is not None:
            return self._real.admit_all(transcripts)  # type: ignore[return-value]
        return [_Counted()] * len(transcripts)


class Usage(NamedTuple):
    cpu: float  # seconds, of the poller and of its parsers
    memory: int  # bytes resident, of both
    parsers: float  # CPU seconds of the parsers alone


def usage() -> Usage:
    own = psutil.Process()
    parsers = [each for each in own.children() if "multiprocessing.spawn" in " ".join(each.cmdline())]
    parsing = sum(sum(each.cpu_times()[:2]) for each in parsers)
    memory = sum(each.memory_info().rss for each in (own, *parsers))
    return Usage(sum(own.cpu_times()[:2]) + parsing, memory, parsing)


async def rounds(parts: Parts, names: list[str], count: int, next_version: Callable[[int], None]) -> None:
    counting = parts.admission
    assert isinstance(counting, Counting)
    client = broker.connect(parts.settings)
    await parts.parsing.parse(body(0, 0), "http://f0.example/", None, 100)  # the process is there
    print(f"feeds {len(names):,}, {parts.settings.feed_polls} in hand, load {os.getloadavg()[0]:.1f}")
    print(f"memory before {usage().memory / 1e6:.0f} MB")
    for number in range(count):
        next_version(number)
        client.zadd("efir:feeds:due", dict.fromkeys(names, 0))
        poller, times = Poller(parts), list[float]()
        poller._polling = _Timed(poller._polling, times)  # type: ignore[assignment]
        before, admitted, started = usage(), counting.count, time.perf_counter()
        await poller.run(once=True)
        seconds, after = time.perf_counter() - started, usage()
        times.sort()
        polls, found = len(times), counting.count - admitted
        print(
            f"round {number}: {polls:,} polls in {seconds:5.1f} s, {polls / seconds:6.1f}/s;"
            f" {found:6,} entries, {found / seconds:7.1f}/s;"
            f" a poll p50 {times[polls // 2] * 1e3:5.0f} ms, p95 {times[polls * 95 // 100] * 1e3:5.0f} ms;"
            f" CPU a poll {(after.cpu - before.cpu) / polls * 1e3:5.1f} ms,"
            f" of it parsing {(after.parsers - before.parsers) / polls * 1e3:5.1f} ms; {after.memory / 1e6:4.0f} MB",
            flush=True,
        )


class _Timed:
    def __init__(self, polling: Polling, times: list[float]) -> None:
        self._polling = polling
        self._times = times

    async def poll(self, feed: Subscription, pulse: Pulse) -> Polled:
        started = time.perf_counter()
        polled = await self._polling.poll(feed, pulse)
        self._times.append(time.perf_counter() - started)
        return polled


async def measure(
    settings: Settings, port: int, options: argparse.Namespace, next_version: Callable[[int], None]
) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    store = connect_store(settings)
    store.ensure_bucket()
    schedule, subscriptions, names = Schedule(broker.connect(settings)), Subscriptions(store), list[str]()
    for number in range(options.feeds):
        url = f"http://f{number}.example:{port}/feed"
        names.append(feed_id(url))
        subscriptions.add(Subscription(id=names[-1], url=url, added=time.time()))
    schedule.lay(names, 0)
    real = Admission(settings, store, broker.create_app(settings), installed()) if options.real else None
    with Parsing(settings.feed_parsers) as parsing:
        async with Fetcher(settings, resolve) as fetcher:
            parts = Parts(settings, store, schedule, Counting(real), fetcher, parsing)
            await rounds(parts, names, options.rounds, next_version)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feeds", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--real", action="store_true", help="admit for real")
    options = parser.parse_args()
    logs.configure("ERROR", "console")
    context = multiprocessing.get_context("fork")
    port: Synchronized[int] = context.Value("i", 0)
    version: Synchronized[int] = context.Value("i", 0)
    server = context.Process(target=serve, args=(port, version), daemon=True)
    server.start()
    while not port.value:
        time.sleep(0.01)

    def next_version(number: int) -> None:
        version.value = number

    with tempfile.TemporaryDirectory() as folder, Embedded(Settings(state=Path(folder) / "state")) as embedded:
        settings = embedded.settings.model_copy(update={"fetch_allow": "127.0.0.1"})
        asyncio.run(measure(settings, port.value, options, next_version))
    server.terminate()


if __name__ == "__main__":
    main()
