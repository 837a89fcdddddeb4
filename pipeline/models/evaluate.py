"""What the shipped classifiers score on data they were not trained on.

The fifth of the labelled files that training held back, split by document: no passage of a held-back document was seen.
"""

from __future__ import annotations

import msgspec
import numpy as np
from sklearn.metrics import f1_score

from pipeline.models.bundle import Bundle
from pipeline.models.features import Floats
from pipeline.models.linear import Label, LinearClassifier
from pipeline.models.neural import NeuralModels
from pipeline.models.train.labelled import Labelled
from pipeline.stages import sentiment, topics


class Score(msgspec.Struct, frozen=True):
    """F1 of one label (or `micro`, `macro` over all) and how many held-back examples bear it, from 0 to 1."""

    label: str
    f1: float
    support: int


def score_sentiment(bundle: Bundle, models: NeuralModels, held_back: list[Labelled]) -> list[Score]:
    """Three-way F1 per label and their mean (macro)."""
    classifier = LinearClassifier.load(bundle.path(sentiment.MODEL), models.vectors)
    labels = [label.id for label in classifier.labels]
    said = classifier.exclusive([example.words for example in held_back]).argmax(axis=1)
    true = np.array([labels.index(example.labels[0]) for example in held_back])
    each = f1_score(true, said, average=None, labels=range(len(labels)))
    return [
        *(
            Score(label, float(f1), int((true == at).sum()))
            for at, (label, f1) in enumerate(zip(labels, each, strict=True))
        ),
        Score("macro", float(f1_score(true, said, average="macro")), len(true)),
        Score("micro", float(f1_score(true, said, average="micro")), len(true)),
    ]


def score_topics(bundle: Bundle, models: NeuralModels, held_back: list[Labelled]) -> list[Score]:
    """Multi-label F1 per label, micro and macro; a passage has every label above its threshold, and its best one."""
    classifier = LinearClassifier.load(bundle.path(topics.MODEL), models.vectors)
    said = decide(classifier.independent([example.words for example in held_back]), classifier.labels)
    true = indicator(held_back, [label.id for label in classifier.labels])
    each = f1_score(true, said, average=None, zero_division=0.0)
    return [
        *(
            Score(label.name, float(f1), int(true[:, at].sum()))
            for at, (label, f1) in enumerate(zip(classifier.labels, each, strict=True))
        ),
        Score("macro", float(f1_score(true, said, average="macro", zero_division=0.0)), len(true)),
        Score("micro", float(f1_score(true, said, average="micro", zero_division=0.0)), len(true)),
    ]


def decide(probabilities: Floats, labels: tuple[Label, ...]) -> np.typing.NDArray[np.bool_]:
    """Which labels each text has: all above their threshold, and always the most probable."""
    said = probabilities >= np.array([label.threshold for label in labels])
    said[np.arange(len(said)), probabilities.argmax(axis=1)] = True
    return np.asarray(said)


def indicator(examples: list[Labelled], labels: list[str]) -> np.typing.NDArray[np.bool_]:
    """Shape (examples, labels): whether an example bears a label."""
    return np.array([[label in example.labels for label in labels] for example in examples])
