"""Liveness is progress: a worker that had work and finished nothing for too long is not alive, whatever else it does.

The dispatcher's rounds are its messages.

A worker is good at the moment it finishes a message, and at the moment it knows for sure that there is nothing to do.
When neither has happened for the limit, it is unhealthy: also when it cannot ask the broker, or waits for the store.
"""

from __future__ import annotations

import mmap
import struct
import time

_TIME = struct.Struct("d")


class Liveness:
    """Made before the pool forks: the time of the last finish lies in memory that all its processes share."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._shared = mmap.mmap(-1, _TIME.size)
        self._idle_at = time.monotonic()

    def finished(self) -> None:
        """A message was finished; called in a pool process."""
        _TIME.pack_into(self._shared, 0, time.monotonic())

    def idle(self) -> None:
        """There is nothing to do; called in the main process."""
        self._idle_at = time.monotonic()

    @property
    def stalled_seconds(self) -> float:
        """Since the worker was last known to be good."""
        finished_at: float = _TIME.unpack_from(self._shared, 0)[0]
        return time.monotonic() - max(self._idle_at, finished_at)

    @property
    def is_healthy(self) -> bool:
        return self.stalled_seconds <= self.limit

    def health(self) -> tuple[bool, str]:
        """What /healthz answers."""
        return self.is_healthy, f"{self.stalled_seconds:.0f} s without progress, {self.limit:.0f} s are allowed\n"


class Loaded:
    """Whether a process of the pool has its models. Made before the pool forks, like `Liveness`.

    A message that is given to a process that still loads waits in its pipe for seconds, where others could work on it;
    and when the broker is lost meanwhile, the worker may believe for ever that the process is busy with it.
    """

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 1)

    def set(self) -> None:
        """Called in a pool process."""
        self._shared[0] = 1

    def __call__(self) -> bool:
        return self._shared[0] == 1
