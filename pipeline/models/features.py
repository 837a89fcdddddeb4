"""What the linear classifiers see of a run of words.

Three views, side by side: hashed lemmas, hashed character n-grams of the forms (inflection, negation, rare names), and
the mean of the word vectors. Hashing needs no vocabulary file and knows no unknown word.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import HashingVectorizer

from pipeline.artifact import Word
from pipeline.models.neural import Vectors

Floats = NDArray[np.float32]
BUCKETS = 2**17

_HASHED = {"n_features": BUCKETS, "alternate_sign": False, "norm": None, "dtype": np.float32}
_LEMMAS = HashingVectorizer(analyzer=lambda lemmas: lemmas, **_HASHED)
_CHARACTERS = HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), **_HASHED)
# The weight of a word in a mean of vectors is a / (a + p(word)): Arora, Liang and Ma, "A simple but tough-to-beat
# baseline for sentence embeddings", ICLR 2017. p comes from the word's rank, by Zipf's law.
_SMOOTHING = 1e-3


def lemma_counts(texts: Sequence[Sequence[Word]]) -> csr_array:
    """Shape (texts, BUCKETS)."""
    return csr_array(_LEMMAS.transform([[w.lemma.lower() for w in words if w.upos != "PUNCT"] for words in texts]))


def character_counts(texts: Sequence[Sequence[Word]]) -> csr_array:
    """Counts of character 3- to 5-grams within words; shape (texts, BUCKETS)."""
    return csr_array(_CHARACTERS.transform([" ".join(w.form.lower() for w in words) for words in texts]))


def inverse_frequency(counts: csr_array) -> Floats:
    """Smoothed inverse document frequency of every bucket, as scikit-learn defines it; shape (BUCKETS,)."""
    texts = counts.shape[0]
    seen = np.bincount(counts.indices, minlength=counts.shape[1])
    return np.asarray(np.log((1 + texts) / (1 + seen)) + 1, dtype=np.float32)


def weigh(counts: csr_array, idf: Floats) -> csr_array:
    """Sublinear term frequency times `idf`, every row of length 1 (or empty)."""
    weights = (1 + np.log(counts.data)) * idf[counts.indices]
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    lengths = np.sqrt(np.bincount(rows, weights**2, minlength=counts.shape[0]))
    return csr_array((weights / lengths[rows], counts.indices, counts.indptr), shape=counts.shape, dtype=np.float32)


def mean_vectors(texts: Sequence[Sequence[Word]], vectors: Vectors) -> Floats:
    """The weighted mean of the unit vectors of each text's known words; shape (texts, dimensions)."""
    # Stanza puts four symbols before the first word; the words follow by falling frequency.
    ranks = np.arange(len(vectors.matrix)) + 1
    probability = 1 / (ranks * np.log(len(ranks)))
    weight = (_SMOOTHING / (_SMOOTHING + probability)).astype(np.float32)
    result = np.zeros((len(texts), vectors.matrix.shape[1]), dtype=np.float32)
    for row, words in enumerate(texts):
        known = [index for word in words if (index := vectors.find(word.form, word.lemma)) is not None]
        if known:
            result[row] = np.average(vectors.units[known], axis=0, weights=weight[known])
    return result
