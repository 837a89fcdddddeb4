"""How often a caller may: token buckets in the broker, so that all API processes count together.

A bucket holds as many tokens as the rate gives in a minute, and fills evenly. A full one gives even more than it holds,
and goes into debt: so a batch larger than the bucket passes now and then, and nobody gets more than the rate over time.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from redis import Redis

# By the broker's clock, because those of the API processes differ. Numbers go back as text: Lua's would lose fractions.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local size, wanted = tonumber(ARGV[1]), tonumber(ARGV[2])
local per_second = size / 60
local held = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = math.min(size, (tonumber(held[1]) or size) + (now - (tonumber(held[2]) or now)) * per_second)
local needed = math.min(wanted, size)
local taken = tokens >= needed and 1 or 0
if taken == 1 then tokens = tokens - wanted end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], math.ceil((size - tokens) / per_second) + 1)
return {taken, tostring(tokens), tostring(taken == 1 and 0 or (needed - tokens) / per_second)}
"""


class Allowance(NamedTuple):
    """`left` is what the bucket holds, `retry_after` when there will be enough, in seconds; 0 when it `is_granted`."""

    is_granted: bool
    left: int
    retry_after: float


class Rates:
    def __init__(self, client: Redis) -> None:
        self._take = client.register_script(_TAKE)

    def take(self, caller: str, what: str, per_minute: int, count: int = 1) -> Allowance:
        """Take `count` out of the caller's bucket of `what`. Raises a RedisError when the broker does not answer."""
        said = cast(list[Any], self._take(keys=[f"efir:rate:{what}:{caller}"], args=[per_minute, count]))
        return Allowance(bool(said[0]), max(0, int(float(said[1]))), float(said[2]))
