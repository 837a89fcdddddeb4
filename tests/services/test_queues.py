"""What operators see of the queues, and back-pressure, on a real broker."""

import time

import pytest
from redis import Redis

from services import broker, pauses
from services.broker import Batch, Lane
from services.pressure import Busy, Pressure
from services.queues import Queues
from services.settings import Settings


@pytest.fixture
def client(settings: Settings) -> Redis:
    client = broker.connect(settings)
    client.flushdb()
    return client


@pytest.fixture
def queues(settings: Settings, client: Redis) -> Queues:
    return Queues(broker.create_app(settings), client)


def batch(count: int, lane: Lane = Lane.LIVE, age: float = 0.0, stage: str = "parse") -> Batch:
    places = tuple(f"2026/01/02/tests/{number:016x}-00000000" for number in range(count))
    return Batch(stage=stage, lane=lane, documents=places, admitted=time.time() - age)


def test_documents_of_short_queues_are_counted_and_of_long_ones_estimated(queues: Queues) -> None:
    for size in (1, 2, 30):
        queues.publish(batch(size))
    assert queues.documents() == 33
    for number in range(300):
        queues.publish(batch(10 + number % 3, Lane.REPLAY))
    assert queues.documents([Lane.REPLAY]) == pytest.approx(3300, rel=0.02)


def test_age_is_that_of_the_oldest(queues: Queues, client: Redis) -> None:
    for age in (500, 100, 10):
        queues.publish(batch(1, age=age))
    (state,) = (state for state in queues.states() if (state.stage, state.lane) == ("parse", Lane.LIVE))
    assert state.oldest_seconds == pytest.approx(500, abs=5)
    assert (state.messages, state.documents) == (3, 3)
    assert {(s.stage, s.lane) for s in queues.states() if s.oldest_seconds is None} >= {("topics", Lane.LIVE)}


def test_rates_tell_when_a_queue_is_drained(queues: Queues, client: Redis) -> None:
    earlier = int(time.time()) // 10 - 2
    client.hset(f"efir:flow:{earlier}", mapping={"parse.live:in": 60, "parse.live:out": 180})
    queues.publish(batch(20))
    (state,) = (state for state in queues.states() if (state.stage, state.lane) == ("parse", Lane.LIVE))
    assert (state.in_rate, state.out_rate) == (1, 3)
    assert state.drain_seconds == 10


def test_a_queue_that_grows_is_never_drained(queues: Queues) -> None:
    queues.publish(batch(20))
    (state,) = (state for state in queues.states() if (state.stage, state.lane) == ("parse", Lane.LIVE))
    assert state.drain_seconds is None


def test_a_pause_is_shown(queues: Queues, client: Redis) -> None:
    pauses.pause(client, "topics", "operator", "new model")
    assert {state.stage for state in queues.states() if state.paused} == {"topics"}


def test_purging_one_lane_leaves_the_other(queues: Queues) -> None:
    for lane in Lane:
        queues.publish(batch(2, lane))
    assert queues.purge("parse", Lane.REPLAY) == 1
    assert (queues.documents([Lane.REPLAY]), queues.documents([Lane.LIVE])) == (0, 2)


def test_the_door_closes_above_the_high_mark_and_opens_below_the_low_one(
    queues: Queues, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.pressure._LOOK_SECONDS", 0.0)
    pressure, another = (Pressure(client, queues, high=50, low=20) for _ in range(2))
    for _ in range(5):
        pressure.check()
        queues.publish(batch(10))
    pressure.check()  # at the mark, not above it
    queues.publish(batch(1))
    with pytest.raises(Busy) as caught:
        pressure.check()
    assert (caught.value.waiting, caught.value.retry_after > 0) == (51, True)
    client.ltrim("parse.live", 0, 2)  # 21 are left
    with pytest.raises(Busy):
        another.check()
    client.ltrim("parse.live", 0, 1)
    another.check()
    pressure.check()
