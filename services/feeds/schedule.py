"""When each feed is due, and who has it in hand: in the broker, so that several pollers share the feeds.

A poller claims what is due in one script: what it claims is moved into the future by its lease, which it renews while
it polls. So no feed is in two hands at once, and a dead poller's feeds are due again when the lease ends. Every claim
has a token of its own; who no longer holds a feed cannot put it back.

All of it can be made anew from the list of feeds in the store, and is, when it is not there (`lay`). Times are the
broker's: the clocks of pollers need not agree.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
from redis import Redis

from services.feeds.subscriptions import Pulse

_DUE = "efir:feeds:due"  # sorted set: feed -> when it is due, or when its lease ends
_HOLDERS = "efir:feeds:holders"  # hash: feed -> token of the claim
_PULSES = "efir:feeds:pulses"  # hash: feed -> its pulse
_LAID = "efir:feeds:laid"  # there while the schedule is complete
_KEYS = [_DUE, _HOLDERS, _PULSES, _LAID]

_NOW = "local t = redis.call('TIME'); local now = t[1] + t[2] / 1000000\n"
# ARGV: token, most, lease. False when there is no schedule.
_CLAIM = (
    _NOW
    + """
if redis.call('EXISTS', KEYS[4]) == 0 then return false end
local claimed = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[2])) do
  redis.call('ZADD', KEYS[1], string.format('%.3f', now + ARGV[3]), id)
  redis.call('HSET', KEYS[2], id, ARGV[1])
  table.insert(claimed, id)
  table.insert(claimed, redis.call('HGET', KEYS[3], id) or '')
end
return claimed
"""
)
# ARGV: token, lease, feed. True when it is held now, by nobody else.
_HOLD = (
    _NOW
    + """
local due = redis.call('ZSCORE', KEYS[1], ARGV[3])
if redis.call('HEXISTS', KEYS[2], ARGV[3]) == 1 and due and tonumber(due) > now then return 0 end
redis.call('ZADD', KEYS[1], string.format('%.3f', now + ARGV[2]), ARGV[3])
redis.call('HSET', KEYS[2], ARGV[3], ARGV[1])
return 1
"""
)
# ARGV: lease, then feed and token by turns. The number of those that are still held.
_RENEW = (
    _NOW
    + """
local held = 0
for at = 2, #ARGV, 2 do
  if redis.call('HGET', KEYS[2], ARGV[at]) == ARGV[at + 1] then
    redis.call('ZADD', KEYS[1], 'XX', string.format('%.3f', now + ARGV[1]), ARGV[at])
    held = held + 1
  end
end
return held
"""
)
# ARGV: feed, token, seconds or '' for never, pulse or ''.
_FINISH = (
    _NOW
    + """
if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1])
if ARGV[3] == '' then redis.call('ZREM', KEYS[1], ARGV[1])
else redis.call('ZADD', KEYS[1], string.format('%.3f', now + ARGV[3]), ARGV[1]) end
if ARGV[4] ~= '' then redis.call('HSET', KEYS[3], ARGV[1], ARGV[4]) end
return 1
"""
)
# ARGV: pairs of seconds and feed. Those that are scheduled already keep their times.
_ADD = (
    _NOW
    + """
for at = 1, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], 'NX', string.format('%.3f', now + ARGV[at]), ARGV[at + 1])
end
"""
)
_ADD_AT_ONCE = 1_000


class Claim(NamedTuple):
    """A feed in hand. `pulse` is None when the broker knows none."""

    id: str
    token: str
    pulse: Pulse | None


class Timing(NamedTuple):
    """Of all feeds: how many are scheduled, how many of them are late, and how late the latest is, in seconds."""

    scheduled: int
    late: int
    latest: float


class Schedule:
    """Every method raises RedisError when the broker does not answer."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    def claim(self, most: int, lease: float) -> list[Claim] | None:
        """Up to `most` feeds that are due, for `lease` seconds. None when there is no schedule: lay one."""
        token = uuid.uuid4().hex
        found = self._run(_CLAIM, token, most, lease)
        if found is None:
            return None
        return [Claim(name, token, _pulse(data)) for name, data in zip(found[::2], found[1::2], strict=True)]

    def hold(self, name: str, lease: float) -> Claim | None:
        """This very feed, due or not; None while somebody polls it. For whoever changes or removes it."""
        token = uuid.uuid4().hex
        return Claim(name, token, self.pulse(name)) if self._run(_HOLD, token, lease, name) else None

    def holds(self, claim: Claim) -> bool:
        return self._client.hget(_HOLDERS, claim.id) == claim.token

    def renew(self, claims: Iterable[Claim], lease: float) -> int:
        """How many of them are still held."""
        pairs = [part for claim in claims for part in (claim.id, claim.token)]
        return int(self._run(_RENEW, lease, *pairs)) if pairs else 0

    def finish(self, claim: Claim, delay: float | None, pulse: Pulse | None = None) -> bool:
        """Give a feed back: due in `delay` seconds, or never. False when it was not held any more."""
        said = msgspec.json.encode(pulse).decode() if pulse is not None else ""
        return bool(self._run(_FINISH, claim.id, claim.token, "" if delay is None else delay, said))

    def drop(self, name: str) -> None:
        """Forget a feed that is no more."""
        with self._client.pipeline() as pipe:
            pipe.zrem(_DUE, name)
            pipe.hdel(_HOLDERS, name)
            pipe.hdel(_PULSES, name)
            pipe.execute()

    def add(self, names: Iterable[str], spread: float = 0.0) -> None:
        """Make feeds due within `spread` seconds, evenly at random."""
        chosen = [part for name in names for part in (random.uniform(0, spread), name)]
        for start in range(0, len(chosen), 2 * _ADD_AT_ONCE):
            self._run(_ADD, *chosen[start : start + 2 * _ADD_AT_ONCE])

    def lay(self, names: Iterable[str], spread: float) -> None:
        """Make the schedule of all feeds but those known to be gone, or complete it. Several may do so at once."""
        gone = {name for name, pulse in self.pulses().items() if pulse.status == "gone"}
        self.add((name for name in names if name not in gone), spread)
        self._client.set(_LAID, "1")

    def pulse(self, name: str) -> Pulse | None:
        found: Any = self._client.hget(_PULSES, name)
        return _pulse(found or "")

    def pulses(self) -> dict[str, Pulse]:
        found: Any = self._client.hgetall(_PULSES)
        return {name: pulse for name, data in found.items() if (pulse := _pulse(data)) is not None}

    def waits(self) -> Mapping[str, float]:
        """Seconds until each scheduled feed is due, or its lease ends; below zero when it is late."""
        now = self._now()
        found: Any = self._client.zrange(_DUE, 0, -1, withscores=True)
        return {name: due - now for name, due in found}

    def held(self) -> set[str]:
        found: Any = self._client.hkeys(_HOLDERS)
        return set(found)

    def timing(self) -> Timing:
        now = self._now()
        first: Any = self._client.zrange(_DUE, 0, 0, withscores=True)
        late: Any = self._client.zcount(_DUE, "-inf", now)
        scheduled: Any = self._client.zcard(_DUE)
        return Timing(scheduled, late, max(0.0, now - first[0][1]) if first else 0.0)

    def _now(self) -> float:
        seconds, micros = self._client.time()
        return float(seconds) + micros / 1e6

    def _run(self, script: str, *arguments: Any) -> Any:
        return self._client.eval(script, len(_KEYS), *_KEYS, *arguments)


def _pulse(data: str) -> Pulse | None:
    """None also for what another version wrote: the store has one."""
    try:
        return msgspec.json.decode(data, type=Pulse) if data else None
    except msgspec.MsgspecError:
        return None
