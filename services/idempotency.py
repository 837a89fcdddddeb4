"""Requests that a sender repeats because it does not know what became of the first: they get the same answer.

After the Idempotency-Key header (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/). The
answer lies in the broker for a day. Documents do not need it, since admitting one twice is harmless; a sender that
counts verdicts does: the second time, "admitted" would have become "known".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import msgspec
from redis import Redis

_SECONDS = 24 * 3600
# For how long a request whose process died holds its key: longer than any request takes.
_IN_FLIGHT_SECONDS = 300
# An answer to a batch is some 20 kB. A larger one is not kept, and a repetition is done again.
_MOST_BYTES = 100_000

# The token tells whose reservation it is: one that ran out may be another's by now.
_FINISH = """
local held = redis.call('GET', KEYS[1])
if not held or cjson.decode(held)['owner'] ~= ARGV[1] then return 0 end
if ARGV[2] == '' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """A request under a key: what was asked, who asked it, and what was answered, or None as long as it is not."""

    asked: str
    owner: str
    status: int = 0
    answer: str | None = None


class Reserved:
    """The key is this request's: `keep` its answer. What is not kept may be asked again."""

    def __init__(self) -> None:
        self.kept: tuple[int, bytes] | None = None

    def keep(self, status: int, answer: bytes) -> None:
        self.kept = status, answer


Refusal = Literal["in-flight", "another-request"]


class Idempotency:
    def __init__(self, client: Redis) -> None:
        self._client = client
        self._finish = client.register_script(_FINISH)

    @contextmanager
    def reserve(self, caller: str, key: str, asked: str, owner: str) -> Iterator[Reserved | Exchange | Refusal]:
        """Claim `key` of `caller` for a request whose digest is `asked`; `owner` names this very request.

        Gives what was answered before, or why the request is refused, or the reservation.
        """
        name = f"efir:idempotency:{caller}:{hashlib.sha256(key.encode()).hexdigest()}"
        mine = msgspec.json.encode(Exchange(asked=asked, owner=owner))
        held = self._client.set(name, mine, nx=True, get=True, ex=_IN_FLIGHT_SECONDS)
        if held is not None:
            yield _told(msgspec.json.decode(str(held), type=Exchange), asked)
            return
        reserved = Reserved()
        try:
            yield reserved
        finally:
            done = ""
            if reserved.kept is not None and len(reserved.kept[1]) <= _MOST_BYTES:
                status, answer = reserved.kept
                exchange = Exchange(asked=asked, owner=owner, status=status, answer=answer.decode())
                done = msgspec.json.encode(exchange).decode()
            self._finish(keys=[name], args=[owner, done, _SECONDS])


def _told(exchange: Exchange, asked: str) -> Exchange | Refusal:
    if exchange.asked != asked:
        return "another-request"
    return exchange if exchange.answer is not None else "in-flight"
