"""Counts that belong to the installation and to no process: gathered in memory, added up in the broker.

A command that admits documents and ends is never scraped, and a count that each of a hundred workers exported would be
a hundred series. So these are added to hashes in the broker, about once a second (services/metrics/ledger.py), and the
exporter reads them. A process that is killed loses what it counted in its last second; a broker that loses its data
begins again at 0, which is what Prometheus expects of a counter. Bounded by the values of the labels.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass

Cell = tuple[str, tuple[str, ...]]  # name of the metric, values of its labels

_lock = threading.Lock()
_counted: dict[Cell, float] = {}
_latest: dict[Cell, float] = {}


@dataclass(frozen=True)
class Tally:
    name: str
    help: str
    labelnames: tuple[str, ...]

    def labels(self, *values: str) -> TallyCell:
        return TallyCell(_cell(self.name, self.labelnames, values))


@dataclass(frozen=True)
class TallyCell:
    cell: Cell

    def inc(self, amount: float = 1) -> None:
        with _lock:
            _counted[self.cell] = _counted.get(self.cell, 0) + amount


@dataclass(frozen=True)
class Latest:
    """When something last happened anywhere: Unix time, in seconds."""

    name: str
    help: str
    labelnames: tuple[str, ...]

    def labels(self, *values: str) -> LatestCell:
        return LatestCell(_cell(self.name, self.labelnames, values))


@dataclass(frozen=True)
class LatestCell:
    cell: Cell

    def now(self) -> None:
        with _lock:
            _latest[self.cell] = time.time()


def take() -> tuple[dict[Cell, float], dict[Cell, float]]:
    """What was counted since the last call, and when what happened last; both are forgotten here."""
    with _lock:
        taken = dict(_counted), dict(_latest)
        _counted.clear()
        _latest.clear()
    return taken


def give_back(counted: dict[Cell, float], latest: dict[Cell, float]) -> None:
    """What was taken could not be written down; it is counted with what comes."""
    with _lock:
        for cell, amount in counted.items():
            _counted[cell] = _counted.get(cell, 0) + amount
        for cell, at in latest.items():
            _latest[cell] = max(at, _latest.get(cell, 0.0))


def _begin() -> None:
    """A process that was forked begins with nothing: what its parent had counted is its parent's."""
    global _lock  # noqa: PLW0603 (another thread of the parent may have held it at the fork)
    _lock = threading.Lock()
    take()


os.register_at_fork(after_in_child=_begin)


def _cell(name: str, labelnames: tuple[str, ...], values: tuple[str, ...]) -> Cell:
    if len(values) != len(labelnames):
        raise ValueError(f"{name} has the labels {', '.join(labelnames)}, not {len(values)}")
    return name, tuple(map(str, values))
