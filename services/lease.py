"""Keeping the lease on messages in hand, so that a long task is not taken for a dead worker's.

The Redis transport gives every delivered message to somebody else once it has been out for the visibility timeout. It
knows when each was delivered from the sorted set `unacked_index`; this consumer step renews the scores of this
worker's own messages four times in that time. It touches kombu's internals (the channel's `qos` and its keys), so
kombu is pinned and a system test runs a task that outlasts the timeout.
"""

from __future__ import annotations

import time
from typing import Any

from celery import bootsteps
from redis.exceptions import RedisError

from services import logs

RENEWALS_PER_TIMEOUT = 4

log = logs.get("efir.worker")


class LeaseRenewal(bootsteps.StartStopStep):  # type: ignore[misc]
    """Runs in the worker's own process on its event loop: works with prefork, whose children are busy."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._entry: Any = None

    def start(self, consumer: Any) -> None:
        timeout = consumer.app.conf.broker_transport_options["visibility_timeout"]
        self._entry = consumer.timer.call_repeatedly(timeout / RENEWALS_PER_TIMEOUT, renew, (consumer,))

    def stop(self, consumer: Any) -> None:
        if self._entry is not None:
            self._entry.cancel()
            self._entry = None


def renew(consumer: Any) -> None:
    """Give every message this worker holds the current time as its time of delivery."""
    channel = consumer.task_consumer.channel
    # What was acknowledged, or let go, is still among the delivered until kombu tidies up.
    tags = set(channel.qos._delivered) - channel.qos._dirty
    if not tags:
        return
    now = time.time()
    try:
        with channel.conn_or_acquire() as client:
            # XX: a message that was acknowledged a moment ago must not come back into the index.
            client.zadd(channel.unacked_index_key, dict.fromkeys(tags, now), xx=True)
    except RedisError as error:
        # On the worker's event loop, which must go on. A lease that ends means the work is done twice, no worse.
        log.warning("leases not renewed", error=str(error))
