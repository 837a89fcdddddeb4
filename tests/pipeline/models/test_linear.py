from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from pipeline.artifact import Word
from pipeline.models import features
from pipeline.models.linear import Label, LinearClassifier, Scale
from pipeline.models.neural import Vectors

VECTORS = Vectors({"добрий": 4, "день": 5}, np.eye(6, 3, dtype=np.float32))
TEXTS = [
    [Word("Добрий", "добрий", "ADJ", "", "", 0, "", 0, 6), Word("день", "день", "NOUN", "", "", 0, "", 7, 11)],
    [],
    [Word("!", "!", "PUNCT", "", "", 0, "", 0, 1)],
]


def classifier() -> LinearClassifier:
    generator = np.random.default_rng(0)
    return LinearClassifier(
        labels=(Label("a", "A"), Label("b", "B", 0.3)),
        weights=generator.normal(size=(2, 2 * features.BUCKETS + 3)).astype(np.float32),
        bias=np.array([0.5, -0.5], np.float32),
        lemma_idf=np.ones(features.BUCKETS, np.float32),
        character_idf=np.ones(features.BUCKETS, np.float32),
        scale=Scale(np.zeros(3, np.float32), np.ones(3, np.float32)),
        vectors=VECTORS,
    )


def test_what_is_saved_says_the_same_when_loaded(tmp_path: Path) -> None:
    saved = classifier()
    saved.weights = np.asfortranarray(saved.weights)  # as scikit-learn may give them
    saved.save(tmp_path / "c.safetensors")
    loaded = LinearClassifier.load(tmp_path / "c.safetensors", VECTORS)
    assert loaded.labels == saved.labels
    np.testing.assert_allclose(loaded.logits(TEXTS), saved.logits(TEXTS), atol=0.01)


def test_probabilities_are_probabilities() -> None:
    exclusive, independent = classifier().exclusive(TEXTS), classifier().independent(TEXTS)
    np.testing.assert_allclose(exclusive.sum(axis=1), 1, rtol=1e-5)
    assert exclusive.shape == independent.shape == (3, 2)
    assert ((independent > 0) & (independent < 1)).all()


def test_a_text_without_words_has_the_bias_alone() -> None:
    np.testing.assert_allclose(classifier().logits([[]]), [[0.5, -0.5]])


def test_another_file_is_refused(tmp_path: Path) -> None:
    save_file({"x": np.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match="not a linear classifier"):
        LinearClassifier.load(tmp_path / "x.safetensors", VECTORS)
