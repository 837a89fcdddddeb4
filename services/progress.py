"""Progress notices: a capped stream in the broker that tells whoever waits what has just been finished.

Notices are hints. The store is the truth: a waiter that missed one finds the record there. The stream has a length
limit and nobody has to read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, cast

import msgspec
from redis import Redis
from redis.exceptions import RedisError

from pipeline.transcript import Place

STREAM = "efir:progress"


class Notice(msgspec.Struct, frozen=True):
    """`stage` has been finished (or given up, when `outcome` is `quarantined`) for `documents` (ids)."""

    stage: str
    outcome: str
    documents: tuple[str, ...]


class Progress:
    def __init__(self, client: Redis, length: int) -> None:
        self._client = client
        self._length = length

    def tell(self, stage: str, outcome: str, places: Sequence[Place]) -> None:
        if places:
            notice = msgspec.json.encode(Notice(stage, outcome, tuple(place.id for place in places)))
            with suppress(RedisError):  # a hint that is lost is no reason to do the work again
                self._client.xadd(STREAM, {"notice": notice}, maxlen=self._length, approximate=True)

    def position(self) -> str:
        """Where the stream ends now; give it to `since` to hear all that follows."""
        last = cast(list[Any], self._client.xrevrange(STREAM, count=1))
        return str(last[0][0]) if last else "0-0"

    def since(self, position: str, wait_seconds: float) -> Iterator[tuple[str, Notice]]:
        """The notices after `position`, each with its own; waits for the first up to `wait_seconds`."""
        answer = cast(Any, self._client.xread({STREAM: position}, count=500, block=max(1, int(wait_seconds * 1000))))
        streams = answer.items() if isinstance(answer, dict) else answer or ()
        for _, entries in streams:
            for entry_position, fields in entries:
                yield str(entry_position), msgspec.json.decode(fields["notice"], type=Notice)
