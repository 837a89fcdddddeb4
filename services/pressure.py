"""Back-pressure: when too much waits, nothing more is let in until enough of it has been worked off.

What is let in must be kept by the broker and worked off by somebody. Two marks, so that the door does not flap; whether
it is closed lies in the broker, so that everyone who admits agrees.
"""

from __future__ import annotations

import time

from redis import Redis

from services.queues import Queues

_CLOSED = "efir:intake:closed"
_LOOK_SECONDS = 0.5
_RETRY_SECONDS = 10.0


class Busy(Exception):
    """Not admitted now. `retry_after`: when to try again, in seconds; an HTTP 429 carries it."""

    def __init__(self, waiting: int, low: int, retry_after: float) -> None:
        super().__init__(f"{waiting:,} documents wait to be processed; more are admitted when fewer than {low:,} do")
        self.waiting = waiting
        self.retry_after = retry_after


def is_closed(client: Redis) -> bool:
    """Whether nothing is admitted now."""
    return bool(client.exists(_CLOSED))


class Pressure:
    def __init__(self, client: Redis, queues: Queues, high: int, low: int) -> None:
        self._client = client
        self._queues = queues
        self._high = high
        self._low = low
        self._looked_at = float("-inf")
        self._busy: Busy | None = None

    def check(self) -> None:
        """Raises Busy above the high-water mark, and then until below the low one."""
        if time.monotonic() - self._looked_at > _LOOK_SECONDS:
            self._busy = self._look()
            self._looked_at = time.monotonic()
        if self._busy is not None:
            raise self._busy

    def _look(self) -> Busy | None:
        waiting = self._queues.documents()
        if is_closed(self._client):
            if waiting >= self._low:
                return Busy(waiting, self._low, _RETRY_SECONDS)
            self._client.delete(_CLOSED)
        elif waiting > self._high:
            self._client.set(_CLOSED, str(time.time()))
            return Busy(waiting, self._low, _RETRY_SECONDS)
        return None
