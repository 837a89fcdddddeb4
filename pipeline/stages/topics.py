"""Topics: which IPTC Media Topics a document is about, told from its passages.

The top level always, and of the second level what is told with confidence: never a topic whose parent is not told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.artifact import Content, Parse, ParsedSentence, Topic, Topics
from pipeline.models.neural import NeuralModels
from pipeline.models.reader import Floats, TopicLabel
from pipeline.stages import Subject

# The model learned from passages of about this many characters: a few sentences that belong together.
PASSAGE_CHARS = 650
# More than five of a level help nobody.
_MOST = 5


class TopicsStage:
    def __init__(self, models: NeuralModels) -> None:
        self._reader = models.reader

    def run(self, batch: Sequence[Subject]) -> list[Content]:
        cut = [list(passages(subject.parse)) for subject in batch]
        probabilities = self._reader.topics(
            [[sentence.forms for sentence in passage] for own in cut for passage in own]
        )
        result: list[Content] = []
        for own in cut:
            mine, probabilities = probabilities[: len(own)], probabilities[len(own) :]
            lengths = [sum(len(sentence.words) for sentence in passage) for passage in own]
            result.append(Topics(aggregate(mine, lengths, self._reader.topic_labels)))
        return result


def passages(parse: Parse) -> Iterator[tuple[ParsedSentence, ...]]:
    """Runs of whole sentences of at least PASSAGE_CHARS characters; a short rest joins the run before it."""
    runs: list[list[ParsedSentence]] = []
    size = PASSAGE_CHARS
    for sentence in parse.sentences:
        if size >= PASSAGE_CHARS:
            runs.append([])
            size = 0
        runs[-1].append(sentence)
        size += sentence.end - sentence.start
    if len(runs) > 1 and size < PASSAGE_CHARS / 3:
        rest = runs.pop()
        runs[-1].extend(rest)
    yield from (tuple(run) for run in runs)


def aggregate(probabilities: Floats, lengths: Sequence[int], labels: Sequence[TopicLabel]) -> tuple[Topic, ...]:
    """A document's topics from its passages': `probabilities` has the shape (passages, labels).

    The confidence is the mean over the passages weighted by length. The best topic of the top level is always given,
    others when their confidence reaches their threshold, at most five of a level.
    """
    if not len(probabilities):
        return ()
    confidence = np.average(probabilities, axis=0, weights=lengths)
    order = [(labels[index], float(confidence[index])) for index in np.argsort(-confidence)]
    tops = [(label, sure) for label, sure in order if label.is_top]
    told = tops[:1] + [(label, sure) for label, sure in tops[1:_MOST] if sure >= label.threshold]
    parents = {label.id for label, _ in told}
    seconds = [
        (label, sure)
        for label, sure in order
        if not label.is_top and label.parent in parents and sure >= label.threshold
    ]
    both = sorted([*told, *seconds[:_MOST]], key=lambda pair: (not pair[0].is_top, -pair[1]))
    return tuple(Topic(label.id, label.name, round(sure, 4)) for label, sure in both)
