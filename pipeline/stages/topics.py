"""Topics: which IPTC Media Topics a document is about, by a trained multi-label classifier over its passages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.artifact import Content, Parse, Topic, Topics, Word
from pipeline.models.bundle import Bundle
from pipeline.models.features import Floats
from pipeline.models.linear import Label, LinearClassifier
from pipeline.models.neural import NeuralModels
from pipeline.stages import Subject

MODEL = "topics.safetensors"
# The classifier learned from passages of about this many characters: a few sentences that belong together.
PASSAGE_CHARS = 650
# A topic of one passage in four is a topic of the document; more than five help nobody.
_SHARE = 0.25
_MOST = 5


class TopicsStage:
    def __init__(self, bundle: Bundle, models: NeuralModels) -> None:
        self._classifier = LinearClassifier.load(bundle.path(MODEL), models.vectors)

    def run(self, batch: Sequence[Subject]) -> list[Content]:
        cut = [list(passages(subject.parse)) for subject in batch]
        probabilities = self._classifier.independent([words for own in cut for words in own])
        result: list[Content] = []
        for own in cut:
            mine, probabilities = probabilities[: len(own)], probabilities[len(own) :]
            result.append(Topics(aggregate(mine, [len(words) for words in own], self._classifier.labels)))
        return result


def passages(parse: Parse) -> Iterator[tuple[Word, ...]]:
    """Runs of whole sentences of at least PASSAGE_CHARS characters; a short rest joins the run before it."""
    runs: list[list[Word]] = []
    size = PASSAGE_CHARS
    for sentence in parse.sentences:
        if size >= PASSAGE_CHARS:
            runs.append([])
            size = 0
        runs[-1].extend(sentence.words)
        size += sentence.end - sentence.start
    if len(runs) > 1 and size < PASSAGE_CHARS / 3:
        rest = runs.pop()
        runs[-1].extend(rest)
    yield from (tuple(run) for run in runs)


def aggregate(probabilities: Floats, lengths: Sequence[int], labels: Sequence[Label]) -> tuple[Topic, ...]:
    """A document's topics from its passages': `probabilities` has the shape (passages, labels).

    The confidence is the mean over the passages weighted by length. The best topic is always given; others when
    their confidence is at least a quarter, at most five in all.
    """
    if not len(probabilities):
        return ()
    confidence = np.average(probabilities, axis=0, weights=lengths)
    best = np.argsort(-confidence)[:_MOST]
    return tuple(
        Topic(labels[index].id, labels[index].name, round(float(confidence[index]), 4))
        for place, index in enumerate(best)
        if place == 0 or confidence[index] >= _SHARE
    )
