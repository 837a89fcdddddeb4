"""Training the linear classifiers of sentiment and topics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
from scipy.sparse import csr_array, hstack, vstack
from sklearn.linear_model import LogisticRegression

from pipeline.artifact import Word
from pipeline.models import features
from pipeline.models.bundle import Bundle
from pipeline.models.features import Floats
from pipeline.models.linear import Label, LinearClassifier, Scale
from pipeline.models.neural import NeuralModels
from pipeline.models.train import teacher
from pipeline.models.train.labelled import Labelled, Text, is_held_back, parse_texts, read_table
from pipeline.stages import sentiment, topics
from pipeline.stages.parse import ParseStage

Tell = Callable[[str], None]
Words = Sequence[Sequence[Word]]

# The dense features are brought to this size so that they help the sparse ones rather than drown them.
_DENSE_SIZE = 0.1
# A label given by a person counts as much as this many given by the teacher.
_TRUST_IN_PEOPLE = 3.0
# Of a soft label, the side with less than this weight teaches nothing and costs time.
_LEAST_WEIGHT = 0.02


def train_sentiment(bundle: Bundle, data: Path, tell: Tell) -> None:
    """Three-way sentence sentiment from `sentiment/train.tsv`, written into the bundle's folder."""
    models = NeuralModels(bundle)
    texts = [text for text in read_table(data / "sentiment" / "train.tsv", "label") if not is_held_back(text.source)]
    known = _parsed(models, texts, tell)
    labels = ("negative", "neutral", "positive")
    words = [example.words for example in known]
    blank, matrix = _features(tuple(Label(name, name) for name in labels), models, words)
    model = LogisticRegression(C=3, class_weight="balanced", max_iter=500)
    model.fit(matrix, [labels.index(example.labels[0]) for example in known])
    _finish(blank, model.coef_, model.intercept_).save(bundle.path(sentiment.MODEL))
    tell(f"sentiment: {len(known)} sentences")


def train_topics(bundle: Bundle, data: Path, encoder: Path | None, tell: Tell) -> None:
    """Multi-label topics from `topics/train.tsv`, with a teacher's labels for unlabelled passages if there is one."""
    models = NeuralModels(bundle)
    texts = [text for text in read_table(data / "topics" / "train.tsv", "topics") if not is_held_back(text.source)]
    names = {t["id"]: t["name"] for t in msgspec.json.decode((data / "topics" / "iptc-mediatopics.json").read_bytes())}
    ids = sorted({label for text in texts for label in text.labels})
    true = np.array([[label in text.labels for label in ids] for text in texts], dtype=np.float32)
    silver = teacher.unlabelled(data) if encoder else []
    soft = teacher.label(encoder, texts, true, silver, tell) if encoder else np.zeros((0, len(ids)), np.float32)
    words = [example.words for example in _parsed(models, [*texts, *silver], tell)]
    blank, matrix = _features(tuple(Label(name, names[name]) for name in ids), models, words)
    known, taught = matrix[: len(texts)], matrix[len(texts) :]
    # A passage with a probability is learned twice, as bearing the label and as not, by that weight.
    stacked = csr_array(vstack([known, taught, taught], format="csr"))
    weights, biases = [], []
    for at in range(len(ids)):
        said = np.concatenate([true[:, at], np.ones(len(soft)), np.zeros(len(soft))])
        weight = np.concatenate([np.full(len(true), _TRUST_IN_PEOPLE), soft[:, at], 1 - soft[:, at]])
        used = np.flatnonzero(weight > _LEAST_WEIGHT)
        model = LogisticRegression(C=10, max_iter=300).fit(stacked[used], said[used], sample_weight=weight[used])
        weights.append(model.coef_[0])
        biases.append(model.intercept_[0])
        tell(f"topics: {names[ids[at]]}")
    _finish(blank, np.array(weights), np.array(biases)).save(bundle.path(topics.MODEL))
    tell(f"topics: {len(texts)} labelled and {len(silver)} unlabelled passages")


def _parsed(models: NeuralModels, texts: list[Text], tell: Tell) -> list[Labelled]:
    return list(parse_texts(ParseStage(models), texts, lambda done: tell(f"parsed {done} of {len(texts)}")))


def _features(labels: tuple[Label, ...], models: NeuralModels, texts: Words) -> tuple[LinearClassifier, csr_array]:
    """A classifier without weights whose frequencies and scale come from `texts`, and their features."""
    dense = features.mean_vectors(texts, models.vectors)
    blank = LinearClassifier(
        labels=labels,
        weights=np.zeros((0, 0), np.float32),
        bias=np.zeros(0, np.float32),
        lemma_idf=features.inverse_frequency(features.lemma_counts(texts)),
        character_idf=features.inverse_frequency(features.character_counts(texts)),
        scale=Scale(dense.mean(axis=0), (_DENSE_SIZE / dense.std(axis=0)).astype(np.float32)),
        vectors=models.vectors,
    )
    return blank, csr_array(hstack(blank.features(texts), format="csr"))


def _finish(blank: LinearClassifier, weights: Floats, bias: Floats) -> LinearClassifier:
    blank.weights = weights.astype(np.float32)
    blank.bias = bias.astype(np.float32)
    return blank
