"""Many polls, one admission: what they found is admitted together, because many at a time cost little more than one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from pipeline.readers.rejected import Rejected
from pipeline.transcript import Transcript

# Of what waits, so many go at a time: admission overlaps their store operations.
_AT_ONCE = 200


class Verdict(Protocol):
    @property
    def verdict(self) -> str: ...


class Admits(Protocol):
    """What admission is to a poller (services/admission.py)."""

    def admit_all(self, transcripts: Sequence[Transcript], /) -> Sequence[Verdict | Rejected]:
        """Raises Busy, StoreUnavailable, a RedisError; then nothing can be said of any of them."""
        ...


_Waiting = tuple[Sequence[Transcript], asyncio.Future[Sequence[Verdict | Rejected]]]


class Admitting:
    def __init__(self, admission: Admits) -> None:
        self._admission = admission
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None

    async def admit(self, transcripts: Sequence[Transcript]) -> Sequence[Verdict | Rejected]:
        """What became of each, in order. Raises what admission raises."""
        if not transcripts:
            return []
        answer: asyncio.Future[Sequence[Verdict | Rejected]] = asyncio.get_running_loop().create_future()
        self._waiting.append((transcripts, answer))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._admit_waiting())
        return await answer

    async def _admit_waiting(self) -> None:
        """One call at a time; what comes while it runs goes with the next."""
        while self._waiting:
            group = self._next()
            together = [transcript for transcripts, _ in group for transcript in transcripts]
            try:
                found: list[Verdict | Rejected] = []
                for start in range(0, len(together), _AT_ONCE):
                    part = together[start : start + _AT_ONCE]
                    found.extend(await asyncio.to_thread(self._admission.admit_all, part))
            except Exception as error:  # whatever it is, those who wait are to know
                for _, answer in group:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            for transcripts, answer in group:
                if not answer.done():
                    answer.set_result(found[: len(transcripts)])
                del found[: len(transcripts)]

    def _next(self) -> list[_Waiting]:
        """As many polls as fit into one call, and at least one."""
        size = count = 0
        for transcripts, _ in self._waiting:
            if count and size + len(transcripts) > _AT_ONCE:
                break
            size, count = size + len(transcripts), count + 1
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        return group
