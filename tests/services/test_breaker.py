"""When it is the deploy that is bad, on a real broker."""

import pytest
from redis import Redis

from services import broker, pauses
from services.breaker import Breaker
from services.settings import Settings


@pytest.fixture
def client(settings: Settings) -> Redis:
    client = broker.connect(settings)
    client.flushdb()
    return client


def test_it_opens_when_more_than_the_share_failed(client: Redis) -> None:
    breaker = Breaker(client, window=200, share=0.2, least=20)
    breaker.done("topics", 100)
    assert not any(breaker.failed("topics", 1) for _ in range(25))  # 25 of 125 are a fifth, and not more
    assert breaker.failed("topics", 1)
    pause = pauses.paused(client)["topics"]
    assert (pause.by, pause.reason) == ("breaker", "26 of the last 126 documents failed")


def test_few_failures_do_not_open_it_however_large_their_share(client: Redis) -> None:
    breaker = Breaker(client, window=200, share=0.2, least=20)
    assert not any(breaker.failed("parse", 1) for _ in range(19))
    assert breaker.failed("parse", 1)


def test_only_the_last_documents_count_and_each_stage_for_itself(client: Redis) -> None:
    breaker = Breaker(client, window=200, share=0.2, least=20)
    for _ in range(19):
        breaker.failed("parse", 1)
    breaker.done("parse", 500)
    assert not breaker.failed("parse", 19)
    assert not breaker.failed("topics", 1)
    assert client.llen("efir:outcomes:parse") == 200


def test_a_resumed_stage_starts_with_a_clean_slate(client: Redis) -> None:
    breaker = Breaker(client, window=200, share=0.2, least=20)
    breaker.failed("parse", 50)
    pauses.resume(client, "parse")
    breaker.forget("parse")
    assert not breaker.failed("parse", 1)


def test_an_operators_pause_is_not_taken_for_the_breakers(client: Redis) -> None:
    pauses.pause(client, "parse", "operator", "maintenance")
    breaker = Breaker(client, window=200, share=0.2, least=20)
    assert not breaker.failed("parse", 1)
    assert pauses.paused(client)["parse"].reason == "maintenance"
