"""Which workers are there: each says so every few seconds, under `efir:worker:{name}` in the broker."""

from __future__ import annotations

import threading
import time
from typing import Any

import msgspec
from redis import Redis
from redis.exceptions import RedisError

from services import logs

_SECONDS = 5.0
_SEEN = "efir:workers"  # sorted set: name -> when the worker last said that it is there
_LOST_SECONDS = 3600.0

log = logs.get("efir.worker")


class Presence(msgspec.Struct, frozen=True):
    """What a worker says of itself."""

    name: str
    pid: int
    stages: tuple[str, ...]
    lanes: tuple[str, ...]
    processes: int
    metrics: str
    started: float  # Unix time, seconds


def present(client: Redis) -> list[Presence]:
    """The workers that are there now; one that was killed is told of for up to twenty seconds."""
    keys = sorted(client.scan_iter(match=_key("*"), count=1000))
    values: Any = client.mget(keys) if keys else []
    return [msgspec.json.decode(value, type=Presence) for value in values if value]


def lost(client: Redis) -> list[str]:
    """Names of the workers that went away without saying so, for an hour."""
    client.zremrangebyscore(_SEEN, "-inf", time.time() - _LOST_SECONDS)
    seen: Any = client.zrange(_SEEN, 0, -1)
    there = {presence.name for presence in present(client)}
    return [name for name in seen if name not in there]


def stay(client: Redis, presence: Presence) -> None:
    """Say so from now on, from a thread."""

    def say() -> None:
        while True:
            try:
                pipe: Any = client.pipeline()
                pipe.set(_key(presence.name), msgspec.json.encode(presence), ex=int(_SECONDS * 4))
                pipe.zadd(_SEEN, {presence.name: time.time()})
                pipe.execute()
            except RedisError as error:
                log.warning("broker does not answer", error=str(error))
            time.sleep(_SECONDS)

    threading.Thread(target=say, name="presence", daemon=True).start()


def leave(client: Redis, name: str) -> None:
    pipe: Any = client.pipeline()
    pipe.delete(_key(name))
    pipe.zrem(_SEEN, name)
    pipe.execute()


def _key(name: str) -> str:
    return f"efir:worker:{name}"
