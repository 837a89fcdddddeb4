"""Paused stages: nothing of a paused stage is taken, by any worker, until it is resumed.

An operator pauses, or the circuit breaker does. What waits stays in the queue; what is in hand is finished.
"""

from __future__ import annotations

import time
from typing import Any, Literal, cast

import msgspec
from redis import Redis

from services.transport import PAUSED

By = Literal["operator", "breaker"]


class Pause(msgspec.Struct, frozen=True):
    by: By
    reason: str
    since: float  # Unix time, seconds


def pause(client: Redis, stage: str, by: By, reason: str = "") -> bool:
    """Whether this call paused it; a stage that is paused already keeps its reason."""
    value = msgspec.json.encode(Pause(by, reason, time.time()))
    return bool(client.hsetnx(PAUSED, stage, cast(Any, value)))


def resume(client: Redis, stage: str) -> bool:
    """Whether it was paused."""
    return bool(client.hdel(PAUSED, stage))


def paused(client: Redis) -> dict[str, Pause]:
    """Stage -> its pause."""
    found = cast(dict[str, str], client.hgetall(PAUSED))
    return {stage: msgspec.json.decode(value, type=Pause) for stage, value in found.items()}
