"""What follows from a message, with a real broker and a real store."""

import pytest

from pipeline import graph
from pipeline.store import ArtifactStore, record_key
from pipeline.transcript import Place, Transcript
from services import broker, pauses, tasks
from services.admission import Admission
from services.broker import Batch, Lane
from services.quarantine import Quarantine
from services.queues import depths
from services.settings import Settings


@pytest.mark.parametrize("sent_back", [0, 1, 2])
def test_a_missing_parse_is_made_anew_but_not_for_ever(
    admission: Admission,
    settings: Settings,
    store: ArtifactStore,
    sent_back: int,
) -> None:
    place = admission.admit(Transcript(text="Добрий день.")).place
    own = settings.model_copy(update={"store_bucket": store._bucket})
    executor = tasks.Executor(broker.create_app(own), own)
    batch = Batch(stage="topics", lane=Lane.LIVE, documents=(place.path,), admitted=0.0, sent_back=sent_back)
    executor.execute(batch, "message")
    waiting = depths(broker.connect(settings))["parse.live"]
    entry = Quarantine(store).find(place)
    if sent_back < 2:
        assert (waiting, entry) == (1, None)
    else:
        assert waiting == 0
        assert entry is not None
        assert "topics needs the document's parse" in entry.error


@pytest.fixture
def own(settings: Settings, store: ArtifactStore) -> Settings:
    return settings.model_copy(update={"store_bucket": store._bucket})


@pytest.fixture
def serving(own: Settings) -> tasks.Executor:
    """As a worker that serves all stages."""
    executor = tasks.Executor(broker.create_app(own), own)
    executor.preload(graph.STAGES)
    return executor


def parse_of(place: Place, deliveries: int = 0) -> Batch:
    return Batch(stage="parse", lane=Lane.LIVE, documents=(place.path,), admitted=0.0, deliveries=deliveries)


def waiting(settings: Settings) -> dict[str, int]:
    return {queue: depth for queue, depth in depths(broker.connect(settings)).items() if depth}


def test_what_follows_is_done_at_once_by_a_worker_that_serves_it(
    admission: Admission, serving: tasks.Executor, own: Settings, store: ArtifactStore
) -> None:
    place = admission.admit(Transcript(text="Добрий день.")).place
    finished: list[None] = []
    serving.execute(parse_of(place), "message", on_finished=lambda: finished.append(None))
    assert waiting(own) == {}
    assert len(finished) == len(graph.STAGES)
    assert store.exists(record_key(place))


def test_a_paused_stage_waits_while_the_others_are_gone_on_with(
    admission: Admission, serving: tasks.Executor, own: Settings
) -> None:
    place = admission.admit(Transcript(text="Добрий день.")).place
    client = broker.connect(own)
    pauses.pause(client, "sentiment", "operator")
    try:
        serving.execute(parse_of(place), "message")
    finally:
        pauses.resume(client, "sentiment")
    assert waiting(own) == {"sentiment.live": 1}


def test_what_was_delivered_before_goes_on_in_messages_of_its_own(
    admission: Admission, serving: tasks.Executor, own: Settings
) -> None:
    place = admission.admit(Transcript(text="Добрий день.")).place
    serving.execute(parse_of(place, deliveries=1), "message")
    assert waiting(own) == {f"{stage}.live": 1 for stage in graph.dependants("parse")}


def test_batches_are_enqueued_as_they_fill(admission: Admission, settings: Settings) -> None:
    """A sender that fails half-way has enqueued what it admitted, but for the batch in the making."""

    def failing() -> object:
        for number in range(settings.batch_documents + 1):
            yield admission.admit(Transcript(text=f"Добрий день, {number}."))
        raise RuntimeError("the sender fails")

    with pytest.raises(RuntimeError):
        admission.enqueue(failing())  # type: ignore[arg-type]
    assert depths(broker.connect(settings))["parse.live"] == 1
