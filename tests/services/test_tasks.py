"""What follows from a message, with a real broker and a real store."""

import pytest

from pipeline.store import ArtifactStore
from pipeline.transcript import Transcript
from services import broker, tasks
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


def test_batches_are_enqueued_as_they_fill(admission: Admission, settings: Settings) -> None:
    """A sender that fails half-way has enqueued what it admitted, but for the batch in the making."""

    def failing() -> object:
        for number in range(settings.batch_documents + 1):
            yield admission.admit(Transcript(text=f"Добрий день, {number}."))
        raise RuntimeError("the sender fails")

    with pytest.raises(RuntimeError):
        admission.enqueue(failing())  # type: ignore[arg-type]
    assert depths(broker.connect(settings))["parse.live"] == 1
