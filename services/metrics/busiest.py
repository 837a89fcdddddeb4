"""The entities that most records name, of the last hour, in a bounded form.

Who is talked about changes by the day, so a counter for each name would grow without end. What is kept is a sorted set
in the broker for each five minutes of the last hour, cut to the 2,000 busiest whenever it has twice as many; what the
exporter says of it is a gauge of the few busiest. A name in the few of an hour is in the 2,000 of its five minutes: it
would have to be named less often than 2,000 others, in each of them. A name that fewer than three records have is
nobody's business.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

_BUCKET_SECONDS = 300
_BUCKETS = 12
_KEPT = 2_000
_LEAST = 3
_MOST_PENDING = 20_000  # names in memory while the broker is away; after that, what comes is not counted

_lock = threading.Lock()
_named: Counter[tuple[str, str]] = Counter()


def note(entities: Iterable[tuple[str, str]]) -> None:
    """Count one record that names `entities`: type and name of each."""
    with _lock:
        if len(_named) < _MOST_PENDING:
            _named.update(set(entities))


def write(client: Redis, is_wanted: bool) -> None:
    """Add what was counted to the broker; what it does not take is counted again with what comes."""
    global _named
    with _lock:
        named, _named = _named, Counter()
    if not named or not is_wanted:
        return
    key = _key(int(time.time()) // _BUCKET_SECONDS)
    try:
        pipe: Any = client.pipeline()
        for entity, count in named.items():
            pipe.zincrby(key, count, json.dumps(entity, ensure_ascii=False))
        pipe.expire(key, _BUCKET_SECONDS * (_BUCKETS + 1))
        pipe.zcard(key)
        if pipe.execute()[-1] > 2 * _KEPT:
            client.zremrangebyrank(key, 0, -_KEPT - 1)
    except RedisError:
        with _lock:
            _named.update(named)


def top(client: Redis, most: int) -> list[tuple[str, str, float]]:
    """Type, name and number of records of the busiest entities of the last hour."""
    now = int(time.time()) // _BUCKET_SECONDS
    union = "efir:entities:hour"
    pipe: Any = client.pipeline()
    pipe.zunionstore(union, [_key(now - back) for back in range(_BUCKETS)])
    pipe.zrevrange(union, 0, most - 1, withscores=True)
    pipe.delete(union)
    return [(*json.loads(name), count) for name, count in pipe.execute()[1] if count >= _LEAST]


def _key(bucket: int) -> str:
    return f"efir:entities:{bucket}"
