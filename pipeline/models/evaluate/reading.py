"""Texts through the stages of a bundle, as the workers run them, without queue and store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from pipeline import graph
from pipeline.models.bundle import Bundle
from pipeline.models.neural import NeuralModels
from pipeline.stages import Stage, Subject, open_stage
from pipeline.transcript import Document

# As many characters at a time as a worker is given: what the neural stages are fast on.
BATCH_CHARS = 20_000
_NEVER = datetime(2000, 1, 1, tzinfo=UTC)


class Reader:
    """The stages of one bundle, each opened when first needed."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.models = NeuralModels(bundle)
        self._open: dict[str, Stage] = {}

    def stage(self, name: str) -> Stage:
        if name not in self._open:
            self._open[name] = open_stage(name, self.bundle, self.models)
        return self._open[name]

    def read(self, texts: Iterable[str], *stages: str) -> Iterator[Subject]:
        """Each text as a document of its own, with what `stages` and those they need say of it."""
        wanted = needed(stages)
        for batch in batches(texts):
            subjects = [Subject(document(text, self.bundle.language), {}) for text in batch]
            for name in wanted:
                contents = self.stage(name).run(subjects)
                subjects = [
                    Subject(subject.document, {**subject.said, name: content})
                    for subject, content in zip(subjects, contents, strict=True)
                ]
            yield from subjects


def needed(stages: Sequence[str]) -> list[str]:
    """`stages` and all they need, in an order in which they can run."""
    wanted = set(stages).union(*(graph.ancestors(name) for name in stages))
    return [name for name in graph.STAGES if name in wanted]


def batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Texts in order, at least one and at most BATCH_CHARS characters at a time."""
    batch: list[str] = []
    size = 0
    for text in texts:
        if batch and size + len(text) > BATCH_CHARS:
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch


def document(text: str, language: str) -> Document:
    return Document(id="", source="", language=language, ingested=_NEVER, text=text)
