from pipeline.transcript import Place
from services import broker
from services.progress import STREAM, Progress
from services.settings import Settings

PLACE = Place.parse("2026/01/02/tests/0123456789abcdef-01234567")


def test_who_waits_hears_what_follows_its_position(settings: Settings) -> None:
    client = broker.connect(settings)
    client.flushdb()
    progress = Progress(client, 100)
    progress.tell("parse", "done", [PLACE])
    position = progress.position()
    progress.tell("topics", "done", [PLACE])
    progress.tell("topics", "quarantined", [])
    ((_, notice),) = progress.since(position, 1)
    assert (notice.stage, notice.outcome, notice.documents) == ("topics", "done", (PLACE.id,))


def test_who_waits_for_nothing_is_back_in_time(settings: Settings) -> None:
    progress = Progress(broker.connect(settings), 100)
    assert list(progress.since(progress.position(), 0.05)) == []


def test_the_stream_does_not_grow_without_bound(settings: Settings) -> None:
    client = broker.connect(settings)
    progress = Progress(client, 50)
    for _ in range(1000):
        progress.tell("parse", "done", [PLACE])
    assert client.xlen(STREAM) < 500
