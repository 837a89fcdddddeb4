"""How far this machine's clock is from those of the broker and the store.

Ages are differences of times that several machines wrote down: with clocks apart they are wrong by as much, and a
forced reprocessing (`--force`), which goes by the store's clock, may take too much or too little.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from prometheus_client.core import Metric
from redis import Redis

from pipeline.store import ArtifactStore
from services import metrics
from services.failures import TRANSIENT


class Clocks:
    """`look` asks; what it found is exported until the next look."""

    def __init__(self, client: Redis, store: ArtifactStore) -> None:
        self._asked: dict[str, Callable[[], float]] = {"broker": lambda: _broker_clock(client), "store": store.clock}
        self.skews: dict[str, float] = {}

    def look(self) -> None:
        for whose, ask in self._asked.items():
            try:
                before = time.time()
                theirs = ask()
                after = time.time()
            except TRANSIENT:
                self.skews.pop(whose, None)
                continue
            # HTTP tells whole seconds, so theirs is anything up to a second later.
            latest = theirs + (1.0 if whose == "store" else 0.0)
            self.skews[whose] = _apart(before, after, theirs, latest)

    def collect(self) -> Iterator[Metric]:
        family = metrics.dependencies.clock_skew.new()
        for whose, skew in list(self.skews.items()):
            family.add_metric([whose], skew)
        yield family


def _apart(before: float, after: float, earliest: float, latest: float) -> float:
    """The least difference that explains what was seen; 0 when none is needed. Above 0: this clock is ahead."""
    if before > latest:
        return before - latest
    return min(0.0, after - earliest)


def _broker_clock(client: Redis) -> float:
    seconds, micros = client.time()
    return float(seconds) + micros / 1e6
