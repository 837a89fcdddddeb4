"""Where counts of the installation lie in the broker: written about once a second, read by the exporter.

One ledger a process, whoever asks for it. What cannot be written while the broker is away is written when it is back.
"""

from __future__ import annotations

import atexit
import json
import os
import threading
from collections.abc import Iterator
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from redis import Redis
from redis.exceptions import RedisError

from services.metrics import busiest, sources, tally
from services.metrics.forms import entries
from services.metrics.tally import Cell, Latest, Tally

_SECONDS = 1.0
_COUNTS, _LATEST = "efir:counts:", "efir:latest:"


class Ledger:
    def __init__(self, client: Redis, most_sources: int, counts_entities: bool) -> None:
        self._client = client
        self._most_sources = most_sources
        self._counts_entities = counts_entities
        self._writing = threading.Lock()

    def write(self) -> None:
        """Write down what was counted since the last time. A broker that is away, or full, gets it the next time."""
        with self._writing:
            counted, latest = tally.take()
            try:
                if counted or latest:
                    self._write(counted, latest)
            except RedisError:
                tally.give_back(counted, latest)
            busiest.write(self._client, self._counts_entities)

    def _write(self, counted: dict[Cell, float], latest: dict[Cell, float]) -> None:
        sourced = {name: labels.index("source") for name, labels in _labels().items() if "source" in labels}
        heard = {values[sourced[name]] for name, values in counted if name in sourced}
        named, lost = sources.name(self._client, heard, self._most_sources)
        if lost:
            for name in sourced:
                sources.forget(self._client, _COUNTS + name, _labels()[name], lost)
        pipe: Any = self._client.pipeline()  # all or nothing, so that what is given back was not counted
        for (name, values), amount in counted.items():
            if name in sourced and values[sourced[name]] not in named:
                at = sourced[name]
                values = (*values[:at], sources.OTHER, *values[at + 1 :])  # noqa: PLW2901
            pipe.hincrbyfloat(_COUNTS + name, json.dumps(values, ensure_ascii=False), amount)
        for (name, values), at_time in latest.items():
            pipe.hset(_LATEST + name, json.dumps(values, ensure_ascii=False), at_time)
        pipe.execute()


def read(client: Redis) -> Iterator[Metric]:
    """Everything that lies in the ledger, one family a metric."""
    found = _tallies()
    pipe: Any = client.pipeline(transaction=False)
    for metric in found:
        pipe.hgetall((_COUNTS if isinstance(metric, Tally) else _LATEST) + metric.name)
    for metric, cells in zip(found, pipe.execute(), strict=True):
        kind = CounterMetricFamily if isinstance(metric, Tally) else GaugeMetricFamily
        family = kind(metric.name, metric.help, labels=metric.labelnames)
        for values, amount in cells.items():
            family.add_metric(json.loads(values), float(amount))
        yield family


_kept: dict[int, Ledger] = {}  # by process id: a forked process keeps its own


def keep(client: Redis, most_sources: int, counts_entities: bool) -> Ledger:
    """This process's ledger, written every second from now on and when the process ends."""
    if (kept := _kept.get(os.getpid())) is not None:
        return kept
    ledger = _kept[os.getpid()] = Ledger(client, most_sources, counts_entities)
    ended = threading.Event()

    def write() -> None:
        while not ended.wait(_SECONDS):
            ledger.write()

    def end() -> None:
        if _kept.get(os.getpid()) is ledger:  # and not a fork of the process that kept it
            ended.set()
            ledger.write()

    threading.Thread(target=write, name="ledger", daemon=True).start()
    atexit.register(end)
    return ledger


def close() -> None:
    """Write down what is left, in a process that ends without saying so to atexit."""
    if (kept := _kept.get(os.getpid())) is not None:
        kept.write()


def _tallies() -> list[Tally | Latest]:
    return [entry.measured_by for entry in entries() if isinstance(entry.measured_by, Tally | Latest)]


def _labels() -> dict[str, tuple[str, ...]]:
    return {metric.name: metric.labelnames for metric in _tallies()}
