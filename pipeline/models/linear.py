"""Linear classifiers over the features of a run of words: one logistic regression a label.

Stored as safetensors: weights in half precision, the labels and what they are called in the header. Nothing in the
file is executed when it is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file
from scipy.sparse import csr_array

from pipeline.artifact import Word
from pipeline.models import features
from pipeline.models.features import Floats
from pipeline.models.neural import Vectors


class Label(msgspec.Struct, frozen=True):
    id: str
    name: str
    threshold: float = 0.5


class Scale(NamedTuple):
    """What brings the mean vectors to zero mean and a size that does not drown the sparse features."""

    mean: Floats
    factor: Floats


class LinearClassifier:
    """`weights` has the shape (labels, 2 * BUCKETS + dimensions): lemmas, characters, vectors."""

    def __init__(
        self,
        labels: tuple[Label, ...],
        weights: Floats,
        bias: Floats,
        lemma_idf: Floats,
        character_idf: Floats,
        scale: Scale,
        vectors: Vectors,
    ) -> None:
        self.labels = labels
        self.weights = weights
        self.bias = bias
        self.lemma_idf = lemma_idf
        self.character_idf = character_idf
        self.scale = scale
        self.vectors = vectors

    def features(self, texts: Sequence[Sequence[Word]]) -> tuple[csr_array, csr_array, Floats]:
        """Lemmas, characters and vectors, in the order of the weights; each has one row a text."""
        return (
            features.weigh(features.lemma_counts(texts), self.lemma_idf),
            features.weigh(features.character_counts(texts), self.character_idf),
            (features.mean_vectors(texts, self.vectors) - self.scale.mean) * self.scale.factor,
        )

    def logits(self, texts: Sequence[Sequence[Word]]) -> Floats:
        """Shape (texts, labels). A text is a run of words: a sentence or a passage."""
        lemmas, characters, dense = self.features(texts)
        at = features.BUCKETS
        result = (
            lemmas @ self.weights[:, :at].T
            + characters @ self.weights[:, at : 2 * at].T
            + dense @ self.weights[:, 2 * at :].T
            + self.bias
        )
        return np.asarray(result, dtype=np.float32)

    def independent(self, texts: Sequence[Sequence[Word]]) -> Floats:
        """The probability of each label by itself, for labels that can hold together."""
        return np.asarray(1 / (1 + np.exp(-self.logits(texts))), dtype=np.float32)

    def exclusive(self, texts: Sequence[Sequence[Word]]) -> Floats:
        """Probabilities that sum to 1 over the labels, for labels of which one holds."""
        logits = self.logits(texts)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)

    def save(self, path: Path) -> None:
        tensors: dict[str, NDArray[Any]] = {
            # safetensors writes the buffer as it lies, and scikit-learn's weights may lie column by column.
            "weights": np.ascontiguousarray(self.weights, dtype=np.float16),
            "bias": self.bias,
            "lemma_idf": self.lemma_idf.astype(np.float16),
            "character_idf": self.character_idf.astype(np.float16),
            "scale_mean": self.scale.mean,
            "scale_factor": self.scale.factor,
        }
        header = {"format": "efir.linear/1", "labels": msgspec.json.encode(self.labels).decode()}
        save_file(tensors, path, metadata=header)

    @classmethod
    def load(cls, path: Path, vectors: Vectors) -> LinearClassifier:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            if header.get("format") != "efir.linear/1":
                raise ValueError(f"{path}: not a linear classifier of this release ({header.get('format')!r})")
            tensors = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}  # noqa: SIM118
        return cls(
            labels=msgspec.json.decode(header["labels"], type=tuple[Label, ...]),
            weights=tensors["weights"],
            bias=tensors["bias"],
            lemma_idf=tensors["lemma_idf"],
            character_idf=tensors["character_idf"],
            scale=Scale(tensors["scale_mean"], tensors["scale_factor"]),
            vectors=vectors,
        )
