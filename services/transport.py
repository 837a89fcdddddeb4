"""kombu's Redis transport, made safe: a message is taken in one step, and a full broker loses nothing.

kombu takes a message with BRPOP and then writes it to `unacked`: a worker that dies in between, or a broker that is
out of memory and refuses the second command, loses it. Here a script moves it in one step, and is allowed to when
memory is out, since it moves what is there already. Paused stages are left out in the same step, so that a pause holds
for every worker at once.

A script cannot block, so an idle worker looks again every 50 ms. This builds on kombu's internals: kombu is pinned,
and tests/services/test_transport.py holds what is relied on. Needs Redis 7 or Valkey, for the script's flags.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from queue import Empty
from typing import Any

from kombu.transport import redis as kombu_redis
from kombu.transport import virtual
from kombu.utils.json import loads
from redis.exceptions import RedisError, ResponseError

PAUSED = "efir:paused"  # hash: stage -> why, as services.pauses writes it
_IDLE_SECONDS = 0.05

# KEYS: unacked, its index, the pauses, then the queues in order. ARGV: the time.
# The message is kept as kombu keeps it, so that kombu's own restoring works: [message, exchange, routing key].
_TAKE = """#!lua flags=allow-oom
local pauses = redis.call('HKEYS', KEYS[3])
local paused = {}
for _, stage in ipairs(pauses) do paused[stage] = true end
for at = 4, #KEYS do
  if not paused[string.match(KEYS[at], '^[^.]+')] then
    local raw = redis.call('RPOP', KEYS[at])
    if raw then
      local properties = cjson.decode(raw).properties
      local delivery = properties.delivery_info
      redis.call('ZADD', KEYS[2], ARGV[1], properties.delivery_tag)
      redis.call('HSET', KEYS[1], properties.delivery_tag, '[' .. raw .. ',' ..
        cjson.encode(delivery.exchange) .. ',' .. cjson.encode(delivery.routing_key) .. ']')
      return {KEYS[at], raw}
    end
  end
end
return false
"""

log = logging.getLogger(__name__)


class QoS(kombu_redis.QoS):  # type: ignore[misc]
    def append(self, message: Any, delivery_tag: str) -> None:
        """The script has written it to `unacked` already."""
        virtual.QoS.append(self, message, delivery_tag)

    def restore_visible(self, *args: Any, **options: Any) -> None:
        """A broker without memory refuses; the messages stay where they are until it has some."""
        try:
            super().restore_visible(*args, **options)
        except ResponseError as error:
            log.warning("messages of lost workers are not given back yet: %s", error)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """When the broker refuses, the message is let go: unrenewed, its lease ends and it is given back then."""
        try:
            super().reject(delivery_tag, requeue)
        except RedisError as error:
            log.warning("message not handed back, its lease will end: %s", error)
            virtual.QoS.ack(self, delivery_tag)


class Channel(kombu_redis.Channel):  # type: ignore[misc]
    QoS = QoS
    # JSON in JSON is shorter than base64 of it, and can be read in the broker.
    body_encoding = None
    # An object with `order` and `taken` (services/intake.py); without one, the order in which queues were named.
    intake: Any = None
    from_transport_options = (*kombu_redis.Channel.from_transport_options, "intake")

    _look_again = 0.0

    def _ordered(self) -> list[str]:
        queues: list[str] = self._queue_cycle.consume(len(self.active_queues))
        return self.intake.order(queues) if self.intake is not None else queues

    def _took(self, queue: str) -> None:
        if self.intake is not None:
            self.intake.taken(queue)

    def _command(self, queues: Sequence[str]) -> list[Any]:
        keys = [self.unacked_key, self.unacked_index_key, PAUSED, *queues]
        return ["EVAL", _TAKE, len(keys), *keys, time.time()]

    def _brpop_start(self, timeout: float | None = None) -> None:
        """Called by the event loop whenever nothing is under way on the connection."""
        if time.monotonic() < self._look_again or not (queues := self._ordered()):
            return
        self._in_poll = self.client.connection
        self._brpop_sent_at = time.monotonic()
        self.client.connection.send_command(*self._command(queues))

    def _brpop_read(self, **options: Any) -> bool:
        try:
            try:
                answer = self.client.parse_response(self.client.connection, "EVAL", **options)
            except self.connection_errors:
                self.client.connection.disconnect()
                raise
            if not answer:
                self._look_again = time.monotonic() + _IDLE_SECONDS
                raise Empty
            queue, raw = (part.decode() if isinstance(part, bytes) else part for part in answer)
            self._took(queue)
            self.connection._deliver(loads(raw), queue)
            return True
        finally:
            self._in_poll = None
            self._flush_brpop_reauth()

    def _get(self, queue: str) -> Any:
        """Without an event loop."""
        with self.conn_or_acquire() as client:
            answer = client.execute_command(*self._command([queue]))
        if not answer:
            raise Empty
        return loads(answer[1])


class Transport(kombu_redis.Transport):  # type: ignore[misc]
    Channel = Channel

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        super().register_with_event_loop(connection, loop)
        if (earlier := getattr(self.cycle, "_idle_tref", None)) is not None:
            earlier.cancel()
        # The loop sleeps until its next timer; an idle worker has to wake up to look again.
        wake: Callable[[], None] = lambda: None  # noqa: E731
        self.cycle._idle_tref = loop.call_repeatedly(_IDLE_SECONDS, wake)
