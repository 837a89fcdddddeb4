"""The stages. One module each, one class each with `run(batch)`; `open_stage` makes them from a bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from pipeline.artifact import Content, Parse
from pipeline.models.bundle import Bundle
from pipeline.models.neural import NeuralModels
from pipeline.transcript import Document


class Subject(NamedTuple):
    """A document and what the stages before have said of it, by stage name."""

    document: Document
    said: Mapping[str, Content]

    @property
    def parse(self) -> Parse:
        parse = self.said["parse"]
        assert isinstance(parse, Parse)
        return parse


class Stage(Protocol):
    """A pure function from documents, and what they need, to one content each, in the same order.

    A batch is what the neural stages are fast on. An exception says nothing of which document caused it: the caller
    runs the batch again one by one.
    """

    def run(self, batch: Sequence[Subject]) -> list[Content]: ...


def open_stage(name: str, bundle: Bundle, models: NeuralModels) -> Stage:
    """Load a stage's models, verified, and return it ready to run. `models` is shared by a bundle's stages."""
    bundle.verify_stage(name)
    # Imported here because a worker that serves one stage should not load what the others need.
    if name == "parse":
        from pipeline.stages.parse import ParseStage

        return ParseStage(models)
    if name == "entities":
        from pipeline.stages.entities import EntitiesStage

        return EntitiesStage(models)
    if name == "sentiment":
        from pipeline.stages.sentiment import SentimentStage

        return SentimentStage(models)
    if name == "topics":
        from pipeline.stages.topics import TopicsStage

        return TopicsStage(models)
    raise ValueError(f"no stage is called {name!r}")
