"""What a document takes in the store, and over the network, by stage. `make bench-storage`.

The texts of `make bench` are admitted to an embedded broker and store and taken through all stages in this process,
with every byte to and from the store counted. Sizes follow from the texts alone; times are those of `make bench`.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipeline.artifact import Record, decode
from pipeline.graph import STAGES, is_leaf
from pipeline.models.bundle import Bundle, installed
from pipeline.processing import Processing
from pipeline.stages import Stage, open_stage
from pipeline.store import JSON, ArtifactStore
from pipeline.transcript import Place, Transcript
from services import broker
from services.admission import Admission, Admitted
from services.embedded import Embedded
from services.object_store import connect_store
from services.settings import Settings
from tests.bench.throughput import draw

_TOGETHER = 12  # documents; about what 40,000 characters hold


class Counted(ArtifactStore):
    """A store that counts operations and bytes, by what is going on."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.doing = "admission"
        self.operations: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.received: Counter[str] = Counter()

    def create(self, key: str, data: bytes, content_type: str = JSON) -> bool:
        self._count(self.sent, data)
        return super().create(key, data, content_type)

    def replace(self, key: str, data: bytes, content_type: str = JSON) -> None:
        self._count(self.sent, data)
        super().replace(key, data, content_type)

    def get(self, key: str) -> bytes:
        data = super().get(key)
        self._count(self.received, data)
        return data

    def modified(self, key: str) -> float | None:
        self.operations[self.doing] += 1
        return super().modified(key)

    def _count(self, way: Counter[str], data: bytes) -> None:
        self.operations[self.doing] += 1
        way[self.doing] += len(data)


def process(store: Counted, bundles: dict[str, Bundle], places: Sequence[Place]) -> None:
    """All stages over `places`, and the records."""
    from pipeline.models.neural import NeuralModels

    models = NeuralModels(bundles["uk"])
    opened: Callable[[str, Bundle], Stage] = lambda name, bundle: open_stage(name, bundle, models)  # noqa: E731
    processing = Processing(store, bundles, opened)
    for start in range(0, len(places), _TOGETHER):
        batch = places[start : start + _TOGETHER]
        for stage in STAGES:
            store.doing = stage
            outcome = processing.run(stage, batch)
            assert len(outcome.done) == len(batch), outcome
            if is_leaf(stage):
                store.doing = "record"
                processing.join_complete(batch)


def sizes(store: ArtifactStore) -> Counter[str]:
    """What -> bytes, as the listing tells."""
    found: Counter[str] = Counter()
    for entry in store.entries(""):
        top = entry.key.partition("/")[0]
        if top != "hello":
            found[f"{top} .conllu" if entry.key.endswith(".conllu") else top] += entry.size
    return found


def tell(texts: Sequence[str], tokens: int, found: Counter[str], on_disk: int, store: Counted) -> None:
    documents, characters = len(texts), sum(map(len, texts))

    def row(name: str, *values: Any) -> None:
        print(f"{name:<16}" + "".join(f"{value:>14}" for value in values), flush=True)

    mean = f"{characters / documents:,.0f} characters and {tokens / documents:,.0f} tokens on the average"
    print(f"{documents} documents, {mean}\n")
    row("in the store", "bytes/doc", "bytes/char", "GB/million")
    for name, size in (*found.most_common(), ("all", found.total()), ("on disk", on_disk)):
        row(name, f"{size / documents:,.0f}", f"{size / characters:.2f}", f"{size / documents / 1000:,.1f}")
    print()
    row("with the store", "operations/doc", "sent/doc", "received/doc")
    for name in ("admission", *STAGES, "record"):
        counts = (store.operations[name], store.sent[name], store.received[name])
        row(name, *(f"{count / documents:,.0f}" for count in counts))
    totals = (store.operations.total(), store.sent.total(), store.received.total())
    row("all", *(f"{count / documents:,.0f}" for count in totals))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with raw/corpus.jsonl.gz and transcripts/")
    parser.add_argument("--documents", type=int, default=200)
    options = parser.parse_args()
    texts = draw(options.data, options.documents)
    with tempfile.TemporaryDirectory() as folder, Embedded(Settings(state=Path(folder) / "state")) as embedded:
        settings = embedded.settings
        plain = connect_store(settings)
        assert settings.store_endpoint is not None
        keys = settings.store_access_key.get_secret_value(), settings.store_secret_key.get_secret_value()
        store = Counted.connect(settings.store_endpoint, settings.store_bucket, *keys)
        bundles = installed(settings.bundles)
        admission = Admission(settings, store, broker.create_app(settings), bundles)
        taken = admission.admit_all([Transcript(text=text) for text in texts])
        places = [item.place for item in taken if isinstance(item, Admitted) and item.verdict == "admitted"]
        process(store, bundles, places)
        records = [decode(plain.get(key), Record, key) for key in plain.list("records/")]
        chosen = [record.text for record in records]
        on_disk = sum(path.stat().st_blocks * 512 for path in (settings.state / "store").rglob("*") if path.is_file())
        tell(chosen, sum(record.tokens for record in records), sizes(plain), on_disk, store)


if __name__ == "__main__":
    main()
