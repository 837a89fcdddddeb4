"""How the allocator keeps memory: glibc's, told by `mallopt`; where the C library is another, nothing is done."""

from __future__ import annotations

import ctypes
import time
from typing import Any

# Parameters of mallopt(3).
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_MEGABYTE = 2**20


def keep() -> None:
    """Reuse what a layer's results took for the next layer's.

    By itself glibc gives every block of some megabytes back to the system, and the next one comes page by page: a fifth
    of the encoders' time. What is kept is what one batch needs at most, some tens of megabytes.
    """
    if mallopt := _libc("mallopt"):
        mallopt(_MMAP_THRESHOLD, 32 * _MEGABYTE)
        mallopt(_TRIM_THRESHOLD, 256 * _MEGABYTE)
        # One for the models and one for the threads that talk to the store, instead of one a thread with its own holes.
        mallopt(_ARENA_MAX, 2)


def give_back() -> None:
    """Give free memory back to the system.

    After loading, which makes single precision of what is kept in 8 bits, a matrix at a time: some 150 MB that nobody
    asks for again. And now and then at work, since batches of all sizes leave holes between what stays: a process that
    read news grew by 5 MB a minute, and what was in use by nothing.
    """
    if trim := _libc("malloc_trim"):
        trim(0)


class GivingBack:
    """`give_back`, each time it is called, but not more than once a second: it takes milliseconds."""

    def __init__(self, seconds: float = 1.0) -> None:
        self._seconds = seconds
        self._last = time.monotonic()

    def __call__(self) -> None:
        if time.monotonic() - self._last >= self._seconds:
            give_back()
            self._last = time.monotonic()


def _libc(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None)
