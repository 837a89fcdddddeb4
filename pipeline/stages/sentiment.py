"""Sentiment: a label and a score for every sentence, and their mean for the document."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.artifact import Content, Parse, Polarity, Sentiment, Tone
from pipeline.models.neural import NeuralModels
from pipeline.stages import Subject

# A document's score is a mean over many sentences, most of them neutral: it leaves zero by less than one sentence's.
_LEANS = 0.10


class SentimentStage:
    def __init__(self, models: NeuralModels) -> None:
        self._reader = models.reader
        self._labels: list[Polarity] = [_polarity(label) for label in self._reader.tone_labels]

    def run(self, batch: Sequence[Subject]) -> list[Content]:
        sentences = [sentence.forms for subject in batch for sentence in subject.parse.sentences]
        positive, negative = self._labels.index("positive"), self._labels.index("negative")
        tones = [
            Tone(self._labels[int(row.argmax())], round(float(row[positive] - row[negative]), 4))
            for row in self._reader.tones(sentences)
        ]
        result: list[Content] = []
        for subject in batch:
            own, tones = tones[: len(subject.parse.sentences)], tones[len(subject.parse.sentences) :]
            result.append(Sentiment(document_tone(subject.parse, own), tuple(own)))
        return result


def document_tone(parse: Parse, tones: Sequence[Tone]) -> Tone:
    """The mean of the sentences' scores weighted by their length in characters; neutral within 0.1 of zero."""
    lengths = [sentence.end - sentence.start for sentence in parse.sentences]
    score = round(float(np.average([tone.score for tone in tones], weights=lengths)), 4) if tones else 0.0
    label: Polarity = "neutral" if abs(score) < _LEANS else "positive" if score > 0 else "negative"
    return Tone(label, score)


def _polarity(label: str) -> Polarity:
    match label:
        case "negative" | "neutral" | "positive":
            return label
    raise ValueError(f"the sentiment model has a label {label!r}; expected negative, neutral and positive")
