"""How often a message was delivered: what tells a lost worker from a lucky one.

A count is made before the work begins and forgotten when it is done, so that what is left of it are deliveries whose
worker did not come to an end.
"""

from __future__ import annotations

from typing import Any

from redis import Redis

# Outlives every redelivery; bounds what messages that were purged leave behind.
_SECONDS = 24 * 3600


def count(client: Redis, message: str) -> int:
    """Count this delivery; returns how many there were, with it."""
    pipe: Any = client.pipeline()
    pipe.incr(_key(message))
    pipe.expire(_key(message), _SECONDS)
    return int(pipe.execute()[0])


def uncount(client: Redis, message: str) -> None:
    """Take the last delivery back: its worker was stopped in good order, and hands the message back."""
    if int(client.decr(_key(message))) <= 0:
        client.delete(_key(message))


def forget(client: Redis, message: str) -> None:
    client.delete(_key(message))


def _key(message: str) -> str:
    return f"efir:deliveries:{message}"
