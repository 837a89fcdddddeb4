"""Tone and topics by linear classifiers over the encoder as it came: what a bundle has to be better than.

Twice: on the documents that are held back, and on texts drawn at random, whose documents the rest of are learned from.
The second is how much easier a test becomes when it is not split by document.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import SVC
from tokenizers import Tokenizer

from pipeline.models.encoder import Embeddings, Encoder, Shape, from_pretrained
from pipeline.models.pieces import MOST_PIECES, Batch
from pipeline.models.train import labelled
from pipeline.models.train.labelled import Text

_PAD = 1
_TEXTS = 16
_THRESHOLDS = np.arange(0.2, 0.61, 0.05)

Vectors = NDArray[np.float32]
Marks = NDArray[np.bool_]


class Untouched:
    """Texts to vectors as the encoder's authors say: the mean of the last layer's pieces, of length 1."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(MOST_PIECES)
        self._embeddings: Embeddings
        self._embeddings, weights = from_pretrained(folder, 12)
        self._encoder = Encoder(Shape(12))
        self._encoder.load_state_dict(weights)
        self._encoder.eval()

    @torch.inference_mode()
    def vectors(self, texts: list[Text]) -> Vectors:
        """Shape (texts, width)."""
        ids = [self._tokenizer.encode(f"passage: {text.text}").ids for text in texts]
        order = sorted(range(len(ids)), key=lambda at: len(ids[at]))
        result: dict[int, Vectors] = {}
        for first in range(0, len(order), _TEXTS):
            chosen = order[first : first + _TEXTS]
            result |= zip(chosen, self._read([ids[at] for at in chosen]), strict=True)
        return np.stack([result[at] for at in range(len(texts))])

    def _read(self, ids: list[list[int]]) -> Vectors:
        longest = max(map(len, ids))
        padded = torch.tensor([own + [_PAD] * (longest - len(own)) for own in ids])
        is_piece = torch.arange(longest)[None] < torch.tensor([len(own) for own in ids])[:, None]
        none = torch.zeros((len(ids), 1), dtype=torch.long)
        batch = Batch(padded, is_piece, none, none, none == 0)
        states = self._encoder.depths(self._embeddings(padded), batch, 12).levels[0].states
        shown = is_piece[..., None].float()
        means = (states * shown).sum(1) / shown.sum(1)
        return torch.nn.functional.normalize(means, dim=-1).numpy()


def tone(vectors: Vectors, texts: list[Text], held: Marks) -> str:
    labels = np.array([text.labels[0] for text in texts])
    classifier = SVC(C=3.0, class_weight="balanced").fit(vectors[~held], labels[~held])
    return f"macro-F1 {100 * f1_score(labels[held], classifier.predict(vectors[held]), average='macro'):.1f}"


def topics(vectors: Vectors, texts: list[Text], held: Marks) -> str:
    names = sorted({label for text in texts for label in text.labels})
    true = np.array([[name in text.labels for name in names] for text in texts])
    classifier: Any = OneVsRestClassifier(LogisticRegression(C=30.0, max_iter=500))
    sources = [text.source for text, is_held in zip(texts, held, strict=True) if not is_held]
    told = cross_val_predict(
        classifier, vectors[~held], true[~held], cv=GroupKFold(5), groups=sources, method="predict_proba"
    )
    least = max(_THRESHOLDS, key=lambda least: _f1(true[~held], _said(told, least), "micro"))
    said = _said(classifier.fit(vectors[~held], true[~held]).predict_proba(vectors[held]), least)
    return f"micro-F1 {_f1(true[held], said, 'micro'):.1f}, macro-F1 {_f1(true[held], said, 'macro'):.1f}"


def _said(probabilities: NDArray[np.float64], least: float) -> Marks:
    said = probabilities >= least
    said[np.arange(len(said)), probabilities.argmax(axis=1)] = True
    return said


def _f1(true: Marks, said: Marks, average: str) -> float:
    return 100 * float(f1_score(true, said, average=average, zero_division=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a folder with sentiment/ and topics/")
    parser.add_argument("--encoder", type=Path, required=True, help="a BERT in the Hugging Face layout")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    encoder = Untouched(arguments.encoder)
    for what, column, told in (("sentiment", "label", tone), ("topics", "topics", topics)):
        texts = labelled.read_table(arguments.data / what / "train.tsv", column)
        vectors = encoder.vectors(texts)
        by_document = np.array([labelled.is_held_back(text.source) for text in texts])
        chance = random.Random(1)
        at_random = np.array([chance.random() < by_document.mean() for _ in texts])
        for split, held in (("documents held back", by_document), ("texts drawn at random", at_random)):
            print(f"{what}, {split}: {told(vectors - vectors[~held].mean(axis=0), texts, held)}", flush=True)


if __name__ == "__main__":
    main()
