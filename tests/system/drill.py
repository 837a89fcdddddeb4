"""The restore drill: what is lost is destroyed on purpose, and had again. `make drill DOCUMENTS=200`.

An installation of real servers and workers loses its broker's data while documents wait and are in hand, then a day of
records, then a day of one stage's artifacts. After each, the books are checked, and that no model ran more than needed:
a worker logs every document for which it ran a stage.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from datetime import time as clock_time
from pathlib import Path

from pipeline.artifact import Content, Topics, decode_artifact
from pipeline.graph import STAGES
from pipeline.store import artifact_key, record_key
from pipeline.transcript import Place, Transcript
from services import pauses
from services.admission import Admitted
from services.object_store import connect_store
from tests.conftest import EXAMPLE
from tests.system.rig import Books, Rig, efir, ended, js, until

_numbers = itertools.count()
# A record is younger than its artifacts, or it would be joined again.
_LAST = {"records"}
_NEAR = 0.05


class Drill:
    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.prints = rig.bundles["uk"].fingerprints

    # What is asked of the installation

    def admit(self, count: int, day: date, text: str = "") -> list[Place]:
        """Documents of a day, acknowledged."""
        published = datetime.combine(day, clock_time(12), UTC)
        texts = [f"Це добрий документ номер {next(_numbers)}. {text}" for _ in range(count)]
        taken = self.rig.admission.admit_all([Transcript(text=text, published=published) for text in texts])
        places = [item.place for item in taken if isinstance(item, Admitted)]
        assert len(places) == count
        self.rig.admitted.update(places)
        return places

    def ran(self) -> collections.Counter[tuple[str, str]]:
        """(stage, document) -> how often a worker ran the stage on the document, and wrote what it said."""
        lines = (line for log in self.rig.folder.glob("worker-*.log") for line in log.read_text().splitlines())
        said = (json.loads(line) for line in lines if '"stage done"' in line)
        return collections.Counter((line["stage"], line["document"]) for line in said)

    def written(self, places: Sequence[Place], stages: Sequence[str] = STAGES) -> dict[str, float]:
        """Key -> when it was written, of the artifacts that are there."""
        keys = [artifact_key(stage, self.prints[stage], place) for place in places for stage in stages]
        times = {key: self.rig.store.modified(key) for key in keys}
        return {key: at for key, at in times.items() if at is not None}

    # What is destroyed

    def lose_the_broker(self, count: int, day: date) -> tuple[int, Books]:
        """Returns how many documents were on their way, and the books afterwards."""
        rig = self.rig
        done = self.admit(count, day)
        rig.settle()
        efir(rig, "queue", "pause", "topics")
        half_way = self.admit(count, day)
        until(lambda: len(self.written(half_way)) == 3 * count, what="everything but the topics")
        # One message each, so that not all of them are in one pair of hands.
        waiting = [place for _ in range(count) for place in self.admit(1, day, EXAMPLE.read_text())]
        until(lambda: rig.redis.hlen("unacked") and rig.redis.llen("parse.live"), what="some waiting and some in hand")
        rig.kill_everything()
        for path in (rig.state / "broker").iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        rig.start_servers()
        before = self.written([*done, *half_way, *waiting])
        assert rig.redis.dbsize() == 0 and pauses.paused(rig.redis) == {}
        on_their_way = rig.books().in_flight
        assert on_their_way >= 2 * count - 1  # one may just have had its last stage
        assert js(rig, "recover", "--dry-run")["documents"] == on_their_way
        assert js(rig, "recover")["enqueued"] == on_their_way
        assert js(rig, "recover")["enqueued"] == 0  # they are on their way again
        rig.start_worker("services.worker")
        books = rig.settle()
        assert max(self.ran().values()) == 1, "a stage ran twice"
        after = self.written([*done, *half_way, *waiting])
        assert len(after) == 3 * count * len(STAGES) and {key: after[key] for key in before} == before
        return on_their_way, books

    def lose_a_day_of_records(self, day: date) -> tuple[int, Books]:
        """Returns how many records were lost, and the books afterwards."""
        rig = self.rig
        places = [place for place in rig.admitted if place.day == day]
        records = {place: rig.store.get(record_key(place)) for place in places}
        before, ran = self.written(places), self.ran()
        rig.store.delete_all(map(record_key, places))
        assert rig.books().in_flight == len(places)
        said = js(rig, "recover", "--from", f"{day}", "--to", f"{day}")
        assert (said["enqueued"], said["joins"]) == (len(places), len(places))
        books = rig.settle()
        assert {place: rig.store.get(record_key(place)) for place in places} == records
        assert self.written(places) == before and self.ran() == ran, "a model ran"
        return len(places), books

    def lose_a_day_of_a_stage(self, stage: str, day: date) -> tuple[int, Books]:
        """Returns how many artifacts were lost, and the books afterwards. `stage` is a leaf."""
        rig = self.rig
        places = [place for place in rig.admitted if place.day == day]
        keys = {place: artifact_key(stage, self.prints[stage], place) for place in places}
        said = {place: decode_artifact(rig.store.get(key), stage, key).content for place, key in keys.items()}
        others = [name for name in STAGES if name != stage]
        before, ran = self.written(places, others), self.ran()
        rig.store.delete_all(keys.values())
        assert js(rig, "recover", "--dry-run")["documents"] == 0  # all have their record: they are stale, not lost
        campaign = js(rig, "reprocess", "--stage", stage, "--from", f"{day}", "--to", f"{day}")
        assert campaign["starts"] == {stage: len(places)}
        assert ended(rig, campaign["campaign"])["done"] == len(places)
        books = rig.settle()
        again = {place: decode_artifact(rig.store.get(key), stage, key).content for place, key in keys.items()}
        assert all(_is_alike(again[place], said[place]) for place in places)
        assert self.ran() - ran == {(stage, place.id): 1 for place in places}
        assert self.written(places, others) == before
        return len(places), books

    def move(self, bucket: str) -> int:
        """Copy everything to another bucket in the order of docs/operations.md; returns how many keys there were."""
        store, copied = self.rig.store, 0
        to = connect_store(self.rig.settings.model_copy(update={"store_bucket": bucket}))
        to.ensure_bucket()
        tops = {key.partition("/")[0] for key in store.list("") if "/" in key}
        for top in sorted(tops, key=lambda top: (top in _LAST, top != "documents")):
            for key in store.list(f"{top}/"):
                copied += to.create(key, store.get(key))
        return copied


def _is_alike(one: Content, other: Content) -> bool:
    """Nearly the same confidences. What a sentence is read together with rounds them differently
    (pipeline/models/arithmetic.py), so a topic on the edge may be told once and not again."""
    assert isinstance(one, Topics) and isinstance(other, Topics)
    confidences = [{topic.id: topic.confidence for topic in each.topics} for each in (one, other)]
    both = confidences[0].keys() & confidences[1].keys()
    pairs = [(confidences[0][id_], confidences[1][id_]) for id_ in both]
    pairs.append((one.topics[0].confidence, other.topics[0].confidence))
    return all(abs(first - second) < _NEAR for first, second in pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=200, help="of each kind: done, half-way, waiting")
    options = parser.parse_args()
    day = date(2026, 3, 1)
    with tempfile.TemporaryDirectory() as folder, Rig(Path(folder), concurrency=None, stage_seconds=60.0) as rig:
        drill = Drill(rig)
        rig.start_worker("services.worker")
        started = time.monotonic()

        def tell(what: str, said: tuple[int, Books]) -> None:
            nonlocal started
            print(f"{what:<40}{said[0]:>6,} lost, all had again in {time.monotonic() - started:.0f} s; {said[1]}")
            started = time.monotonic()

        tell("the broker's data", drill.lose_the_broker(options.documents, day))
        tell("a day of records", drill.lose_a_day_of_records(day))
        rig.start_dispatcher()
        tell("a day of topics", drill.lose_a_day_of_a_stage("topics", day))


if __name__ == "__main__":
    main()
