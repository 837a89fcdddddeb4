"""The queues as those see them who fill, watch and empty them: what waits, for how long, how fast it moves.

Nothing is counted on the side, where a crash could make it wrong: what waits is read from the queues themselves, and
the number of documents in long queues is told from a sample of their messages.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, cast

import msgspec
from celery import Celery
from kombu.utils.json import loads
from redis import Redis
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeout

from pipeline.graph import STAGES
from services import logs, metrics, traces
from services.broker import TASK, Batch, Lane, publish, queue_name, queue_names
from services.pauses import Pause, paused

UNACKED = "unacked"
# Documents of a queue up to this long are counted; of a longer one, as many messages are looked at, evenly spread.
_SAMPLE = 64
# Messages read at a time where all of them are: about a megabyte.
_CHUNK = 500
# Flow is kept in buckets of this many seconds; a rate is that of the last full minute.
_BUCKET_SECONDS = 10
_RATE_BUCKETS = 6
# A rate this small does not drain anything.
_STILL = 1e-9

log = logs.get("efir.queues")


class QueueState(msgspec.Struct, frozen=True):
    """One queue. Rates are documents a second over the last minute; ages and times in seconds.

    `drain_seconds` is None when the queue does not shrink; `documents` is an estimate for queues of over 64 messages.
    """

    stage: str
    lane: Lane
    messages: int
    documents: int
    unacknowledged: int
    unacknowledged_documents: int
    oldest_seconds: float | None
    in_rate: float
    out_rate: float
    drain_seconds: float | None
    paused: Pause | None


class Queues:
    def __init__(self, app: Celery, client: Redis) -> None:
        self._app = app
        self._client = client

    def publish(self, batch: Batch) -> None:
        """Enqueue a batch. Raises kombu's OperationalError or a RedisError when the broker does not take it."""
        is_beginning = not batch.enqueued
        publish(self._app, msgspec.structs.replace(batch, enqueued=round(time.time(), 3)))
        self._flow("in", batch)
        metrics.celery.sent.labels(TASK, "generic", queue_name(batch.stage, batch.lane)).inc()
        if is_beginning:
            traces.begin(batch)

    def finished(self, batch: Batch) -> None:
        """A message is done with, however it ended."""
        self._flow("out", batch)

    def secure(self, seconds: float = 5.0) -> None:
        """Wait until all that was published before is on the broker's disk, at most `seconds`.

        A broker that keeps no append-only file says so at once; then what it was given is as safe as its memory.
        """
        with Redis(connection_pool=self._client.connection_pool, single_connection_client=True) as connection:
            connection.set("efir:secured", str(time.time()))  # the wait is for this connection's last write
            try:
                written = connection.execute_command("WAITAOF", 1, 0, int(seconds * 1000))
            except ResponseError as error:
                log.warning("the broker does not promise to keep what it is given", error=str(error))
                return
        if written[0] < 1:
            raise RedisTimeout(f"the broker has not written to disk within {seconds:.0f} s")

    def states(self) -> list[QueueState]:
        """Every queue, in the order of the stages."""
        held, rates, pauses = self._held(), self._rates(), paused(self._client)
        lengths = depths(self._client)
        found = []
        for stage in STAGES:
            for lane in Lane:
                name = queue_name(stage, lane)
                waiting, in_hand = self._sample(name, lengths[name]), held.get(name, [])
                documents = round(_mean_documents(waiting) * lengths[name])
                ages = [time.time() - batch.admitted for batch in (*waiting[-1:], *in_hand)]
                coming, going = rates.get(f"{name}:in", 0.0), rates.get(f"{name}:out", 0.0)
                found.append(
                    QueueState(
                        stage=stage,
                        lane=lane,
                        messages=lengths[name],
                        documents=documents,
                        unacknowledged=len(in_hand),
                        unacknowledged_documents=sum(len(batch.documents) for batch in in_hand),
                        oldest_seconds=max(ages) if ages else None,
                        in_rate=coming,
                        out_rate=going,
                        drain_seconds=_drain(documents, going - coming),
                        paused=pauses.get(stage),
                    )
                )
        return found

    def documents(self, lanes: Iterable[Lane] = tuple(Lane)) -> int:
        """Documents that wait or are in hand, one that waits for three stages counted thrice."""
        chosen = queue_names(lanes=lanes)
        lengths = depths(self._client)
        waiting = sum(_mean_documents(self._sample(name, lengths[name])) * lengths[name] for name in chosen)
        held = self._held()
        return round(waiting) + sum(len(batch.documents) for name in chosen for batch in held.get(name, ()))

    def on_their_way(self, most: int) -> dict[str, frozenset[str]]:
        """Path of a place -> the stages that the document waits for or that have it in hand; of `most` documents.

        The queues are read in the order in which messages move, each from its newest message on, and what is in hand
        last: what moves meanwhile is met again further on, or has come to its end.
        """
        found: dict[str, frozenset[str]] = {}
        # The few different sets are shared, so that a document costs little more than its path.
        sets: dict[frozenset[str], frozenset[str]] = {}
        for batch in self._all():
            for path in batch.documents:
                stages = found.get(path, frozenset()) | {batch.stage}
                found[path] = sets.setdefault(stages, stages)
            if len(found) >= most:
                break
        return found

    def purge(self, stage: str, lane: Lane) -> int:
        """Remove what waits in a queue; returns the number of messages. What is in hand is finished."""
        name = queue_name(stage, lane)
        pipe: Any = self._client.pipeline()
        pipe.llen(name)
        pipe.delete(name)
        return int(pipe.execute()[0])

    def _all(self) -> Iterator[Batch]:
        for stage in STAGES:
            for lane in Lane:
                at = 0
                while raw := cast(list[str], self._client.lrange(queue_name(stage, lane), at, at + _CHUNK - 1)):
                    yield from map(read_message, raw)
                    at += len(raw)
        for held in self._held().values():
            yield from held

    def _sample(self, name: str, length: int) -> list[Batch]:
        """Batches of a queue from the newest to the oldest: all, or an even sample with the oldest in it."""
        if length == 0:
            return []
        pipe: Any = self._client.pipeline(transaction=False)
        for at in range(min(length, _SAMPLE)):
            pipe.lindex(name, -1 - at * length // min(length, _SAMPLE))
        return [read_message(raw) for raw in reversed(pipe.execute()) if raw is not None]

    def _held(self) -> dict[str, list[Batch]]:
        """What workers have in hand, by queue. A worker holds a few messages, so all of them can be read."""
        held: dict[str, list[Batch]] = {}
        for raw in cast(list[str], self._client.hvals(UNACKED)):
            message, _, routing_key = loads(raw)
            held.setdefault(routing_key, []).append(_batch(message))
        return held

    def _flow(self, way: str, batch: Batch) -> None:
        key = f"efir:flow:{int(time.time()) // _BUCKET_SECONDS}"
        with suppress(RedisError):  # a rate that is a little wrong is no reason to do work twice
            pipe: Any = self._client.pipeline(transaction=False)
            pipe.hincrby(key, f"{queue_name(batch.stage, batch.lane)}:{way}", len(batch.documents))
            pipe.expire(key, _BUCKET_SECONDS * (_RATE_BUCKETS + 2))
            pipe.execute()

    def _rates(self) -> dict[str, float]:
        """`queue:in` and `queue:out` -> documents a second."""
        now = int(time.time()) // _BUCKET_SECONDS
        pipe: Any = self._client.pipeline(transaction=False)
        for back in range(1, _RATE_BUCKETS + 1):
            pipe.hgetall(f"efir:flow:{now - back}")
        sums: dict[str, int] = {}
        for bucket in cast(list[dict[str, str]], pipe.execute()):
            for name, count in bucket.items():
                sums[name] = sums.get(name, 0) + int(count)
        return {name: count / (_RATE_BUCKETS * _BUCKET_SECONDS) for name, count in sums.items()}


def depths(client: Redis) -> dict[str, int]:
    """Queue name -> messages waiting in it."""
    pipe: Any = client.pipeline(transaction=False)
    names = queue_names()
    for name in names:
        pipe.llen(name)
    return dict(zip(names, pipe.execute(), strict=True))


def read_message(raw: str) -> Batch:
    """The batch in a message as it lies in its queue."""
    return _batch(loads(raw))


def _batch(message: Any) -> Batch:
    # Celery's protocol 2: the body is [args, kwargs, embedded].
    return msgspec.convert(loads(message["body"])[1]["batch"], type=Batch)


def _mean_documents(batches: Sequence[Batch]) -> float:
    return sum(len(batch.documents) for batch in batches) / len(batches) if batches else 0.0


def _drain(documents: int, rate: float) -> float | None:
    if documents == 0:
        return 0.0
    return documents / rate if rate > _STILL else None
