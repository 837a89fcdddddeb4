"""Parsing feeds in processes of their own: feedparser is slow, and a stranger's document may be made to be slow.

Off the event loop, so that two hundred connections do not wait for one large feed; in a process and not in a thread, so
that a parse that takes too long, or too much memory, can be ended. A process is replaced after some thousand feeds,
whatever it has leaked.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Any

from pipeline.readers import feed
from pipeline.readers.feed import Feed
from pipeline.readers.rejected import Rejected
from services.orphans import die_with_parent

# The largest feeds, of 10 MB, take some two seconds.
_SECONDS = 10.0
_FEEDS_A_PROCESS = 5_000
# Of data, in bytes. Feeds of 10 MB take 150 MB; one that is made to take more ends here, and not the machine.
_MOST_MEMORY = 2_000_000_000


class Parsing:
    """Use as a context manager: the processes start when they are needed, and end with it."""

    def __init__(self, processes: int, most_memory: int = _MOST_MEMORY) -> None:
        """`most_memory`: bytes of data that one process may have."""
        self._processes = processes
        self._most_memory = most_memory
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Parsing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    async def parse(self, data: bytes, url: str, media_type: str | None, most_entries: int) -> Feed:
        """Raises Rejected, also for what takes too long or too much memory, or ends the process which parses it."""
        pool = self._started()
        try:
            found = await asyncio.get_running_loop().run_in_executor(pool, _parse, data, url, media_type, most_entries)
        except BrokenProcessPool as error:
            # All who wait for this pool hear of it, and one of them has the document that did it.
            if self._pool is pool:
                self._pool = None
            raise Rejected("parser-lost", "the process that parsed it ended") from error
        if isinstance(found, Feed):
            return found
        raise Rejected(*found)

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._processes,
                multiprocessing.get_context("spawn"),  # a fork would copy the locks of this process's threads
                initializer=_prepare,
                initargs=(self._most_memory,),
                max_tasks_per_child=_FEEDS_A_PROCESS,
            )
        return self._pool


def _prepare(most_memory: int) -> None:
    die_with_parent(signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the poller, which ends this process in order
    signal.signal(signal.SIGALRM, _too_slow)
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    soft = most_memory if most == resource.RLIM_INFINITY else min(most_memory, most)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, most))


def _too_slow(number: int, frame: Any) -> None:
    raise Rejected("too-slow", f"reading it takes more than {_SECONDS:g} s")


def _parse(data: bytes, url: str, media_type: str | None, most_entries: int) -> Feed | tuple[str, str]:
    """In the process. Rejected is given back in its parts: exceptions of two arguments do not survive pickling."""
    # Again every second, for the case that something catches the first.
    signal.setitimer(signal.ITIMER_REAL, _SECONDS, 1.0)
    try:
        return feed.parse(data, url, media_type, most_entries)
    except Rejected as rejected:
        return rejected.reason, rejected.explanation
    except MemoryError:
        return "too-large", "reading it takes more memory than one feed may"
    except Exception as error:  # a parser's own error on what a stranger wrote
        return "unreadable", f"{type(error).__name__}: {error}"[:300]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
