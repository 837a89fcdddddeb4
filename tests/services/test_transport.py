"""What is relied on of kombu's internals, and what was changed of them, on a real broker."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import OutOfMemoryError

from services import broker, pauses
from services.broker import Batch, Lane, publish, queue_name
from services.intake import Intake
from services.liveness import Loaded
from services.queues import Queues, depths, read_message
from services.settings import Settings


@pytest.fixture
def client(settings: Settings) -> Iterator[Redis]:
    client = broker.connect(settings)
    client.flushdb()
    yield client
    client.config_set("maxmemory", 0)


def batch(stage: str = "parse", lane: Lane = Lane.LIVE, count: int = 3) -> Batch:
    places = tuple(f"2026/01/02/tests/{number:016x}-00000000" for number in range(count))
    return Batch(stage=stage, lane=lane, documents=places, admitted=1.0)


class Consumer:
    """Takes messages as a worker does, without an event loop."""

    def __init__(self, settings: Settings, intake: Intake | None = None) -> None:
        self.app = broker.create_app(settings, intake)
        self.connection = self.app.connection_for_read()
        self.channel = self.connection.default_channel
        self.taken: list[tuple[str, Any]] = []
        for name in broker.queue_names():
            self.channel.basic_consume(name, False, self._take, name)

    def _take(self, message: Any) -> None:
        self.taken.append((message.delivery_info["routing_key"], message))

    def look(self) -> str | None:
        """One look into the queues; the queue a message came from."""
        before = len(self.taken)
        self.channel._look_again = 0.0
        with contextlib.suppress(TimeoutError):
            self.connection.drain_events(timeout=0.2)
        return self.taken[-1][0] if len(self.taken) > before else None


Consume = Callable[..., Consumer]


@pytest.fixture
def consume(settings: Settings, client: Redis) -> Iterator[Consume]:
    made: list[Consumer] = []

    def make(intake: Intake | None = None) -> Consumer:
        made.append(Consumer(settings, intake))
        return made[-1]

    yield make
    client.config_set("maxmemory", 0)
    for each in made:
        each.connection.close()


def test_a_message_is_in_a_queue_or_in_hand_and_never_nowhere(consume: Consume, client: Redis) -> None:
    consumer = consume()
    publish(consumer.app, batch())
    assert consumer.look() == "parse.live"
    (message,) = (message for _, message in consumer.taken)
    assert client.hkeys("unacked") == [message.delivery_tag]
    kept = json.loads(client.hget("unacked", message.delivery_tag))  # type: ignore[arg-type]
    assert read_message(json.dumps(kept[0])) == batch()
    assert kept[2] == "parse.live"
    consumer.channel.basic_ack(message.delivery_tag)
    assert client.hlen("unacked") == client.zcard("unacked_index") == 0


def test_what_a_worker_had_is_given_back_by_kombu(consume: Consume, client: Redis) -> None:
    consumer = consume()
    publish(consumer.app, batch())
    consumer.look()
    tag = consumer.taken[0][1].delivery_tag
    client.zadd("unacked_index", {tag: 1.0})  # taken long ago
    consumer.channel.qos.restore_visible()
    assert depths(client)["parse.live"] == 1
    assert client.hlen("unacked") == 0
    assert consumer.look() == "parse.live"
    again = consumer.taken[1][1]
    assert again.headers["redelivered"] is True
    assert again.headers["id"] == consumer.taken[0][1].headers["id"]


def test_a_full_broker_gives_and_gives_back_without_losing(consume: Consume, client: Redis) -> None:
    consumer = consume()
    publish(consumer.app, batch())
    client.config_set("maxmemory", 1)
    with pytest.raises(OutOfMemoryError):
        client.set("anything", "1")
    assert consumer.look() == "parse.live"
    tag = consumer.taken[0][1].delivery_tag
    assert client.hexists("unacked", tag)
    consumer.channel.qos.restore_visible()  # refused, and survived
    consumer.channel.basic_reject(tag, requeue=True)  # refused, and let go
    assert client.hexists("unacked", tag)
    assert tag in consumer.channel.qos._dirty  # its lease is not renewed
    client.config_set("maxmemory", 0)
    client.zadd("unacked_index", {tag: 1.0})
    consumer.channel.qos._vrestore_count = 0
    consumer.channel.qos.restore_visible()
    assert depths(client)["parse.live"] == 1


def test_a_paused_stage_is_left_alone_by_everyone_at_once(consume: Consume, client: Redis) -> None:
    consumer = consume()
    publish(consumer.app, batch("parse"))
    publish(consumer.app, batch("topics"))
    pauses.pause(client, "topics", "operator", "to see")
    assert consumer.look() == "parse.live"
    assert consumer.look() is None
    pauses.resume(client, "topics")
    assert consumer.look() == "topics.live"


def test_live_goes_first_and_later_stages_before_earlier_ones(consume: Consume, client: Redis) -> None:
    consumer = consume(Intake(0.0))
    for lane in Lane:
        for stage in ("parse", "entities", "topics"):
            publish(consumer.app, batch(stage, lane))
    taken = [consumer.look() for _ in range(6)]
    assert taken == [queue_name(stage, lane) for lane in Lane for stage in ("topics", "entities", "parse")]


def test_replay_gets_its_share_under_live_load_and_no_more(consume: Consume, client: Redis) -> None:
    consumer = consume(Intake(0.1))
    for _ in range(200):
        publish(consumer.app, batch("parse", Lane.LIVE))
        publish(consumer.app, batch("parse", Lane.REPLAY))
    taken = [consumer.look() for _ in range(100)]
    assert taken.count("parse.replay") == 10
    assert taken[:10].count("parse.replay") == 1  # evenly, not in a lump


def test_replay_alone_has_everything(consume: Consume, client: Redis) -> None:
    consumer = consume(Intake(0.1))
    for _ in range(5):
        publish(consumer.app, batch("parse", Lane.REPLAY))
    assert [consumer.look() for _ in range(5)] == ["parse.replay"] * 5


def test_nothing_is_taken_while_the_store_is_away(consume: Consume, client: Redis) -> None:
    intake = Intake(0.1)
    consumer = consume(intake)
    publish(consumer.app, batch())
    intake.held = "the store does not answer"
    assert consumer.look() is None
    intake.held = None
    assert consumer.look() == "parse.live"


def test_a_message_is_small(settings: Settings, client: Redis) -> None:
    """What bounds the broker's memory: at most 200 bytes a document at the default batch size."""
    app = broker.create_app(settings)
    publish(app, batch(count=settings.batch_documents))
    message: Any = client.lindex("parse.live", 0)
    assert len(message) < 100 * settings.batch_documents


def test_what_is_published_is_on_disk_before_it_is_acknowledged(settings: Settings, client: Redis) -> None:
    queues = Queues(broker.create_app(settings), client)
    queues.publish(batch())
    queues.secure()
    fsynced: Any = client.execute_command("WAITAOF", 1, 0, 1)
    assert fsynced[0] == 1


def test_nothing_is_taken_while_nobody_could_work_on_it() -> None:
    intake = Intake(0.1, loaded := Loaded())
    assert intake.order(["parse.live"]) == []
    if os.fork() == 0:  # a process of the pool
        loaded.set()
        os._exit(0)
    os.wait()
    assert intake.order(["parse.live"]) == ["parse.live"]
