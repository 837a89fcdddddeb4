"""A source's name as a label, in a bounded form.

Anybody may send under any name, and each name would be series for ever. So an installation has a number of names to
give away, to the sources that come first; the others are counted together, as `other`. The names lie in the broker, so
that all processes agree. A source that was not heard of for a week loses its name to one that asks for it, and its
counts with it: at most that many names at any moment, and at most that many new ones in a week.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

from redis import Redis

OTHER = "other"
_NAMES = "efir:metrics:sources"  # sorted set: source -> when it was last heard of
_SILENT_SECONDS = 7 * 24 * 3600

# KEYS: the names. ARGV: how many there are, now, the time before which one is given to another, then the sources.
# Answers the sources that lost their names, then nothing, then those that have one.
_NAME = """
local lost, named = {}, {}
for at = 4, #ARGV do
  local source = ARGV[at]
  local has = redis.call('ZSCORE', KEYS[1], source)
  if not has and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then
    local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
    if oldest[1] and tonumber(oldest[2]) < tonumber(ARGV[3]) then
      redis.call('ZREM', KEYS[1], oldest[1])
      table.insert(lost, oldest[1])
    end
  end
  if has or redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[1]) then
    redis.call('ZADD', KEYS[1], ARGV[2], source)
    table.insert(named, source)
  end
end
return {lost, named}
"""


def name(client: Redis, sources: Iterable[str], most: int) -> tuple[set[str], set[str]]:
    """Those of `sources` that have names of their own now, and the sources that lost theirs to them."""
    wanted = sorted(set(sources))
    if not wanted:
        return set(), set()
    now = time.time()
    answer: Any = client.eval(_NAME, 1, _NAMES, most, now, now - _SILENT_SECONDS, *wanted)
    return set(answer[1]), set(answer[0])


def forget(client: Redis, key: str, labels: tuple[str, ...], lost: set[str]) -> None:
    """Remove the counts of sources that lost their names from the hash `key`, whose fields are values of `labels`."""
    at = labels.index("source")
    fields: Any = client.hkeys(key)
    if gone := [field for field in fields if json.loads(field)[at] in lost]:
        client.hdel(key, *gone)
