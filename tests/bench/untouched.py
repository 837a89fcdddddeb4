"""Tone and topics by classifiers over the encoder as it came: what a bundle has to be better than.

Twice: on the documents that are held back, and on as many texts drawn at random, which is easier, since other texts of
their documents are learned from. A text's vector is that which the encoder's authors advise for classifiers: the mean
of the last layer, the text read whole after "query: " (huggingface.co/intfloat/multilingual-e5-small, "FAQ").
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.svm import SVC
from tokenizers import Tokenizer

from pipeline.models.encoder import Encoder, Shape, from_pretrained
from pipeline.models.evaluate.counts import Tally
from pipeline.models.pieces import MOST_PIECES, Batch
from pipeline.models.train import labelled

_LAYERS = 12
_PAD = 1
_TEXTS = 16  # read at a time
# How closely a classifier fits: of 1, 3, 10, 30 and of 30, 90, 270 what did best on the held-back documents, which
# favours what is to be beaten.
_TONE_FIT, _TOPICS_FIT = 3.0, 30.0
_THRESHOLDS = np.arange(0.2, 0.61, 0.05)

Vectors = NDArray[np.float32]
Mask = NDArray[np.bool_]


@torch.inference_mode()
def vectors_of(texts: Sequence[str], folder: Path) -> Vectors:
    """Shape (texts, width); `folder` holds the encoder."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(MOST_PIECES)
    tokenizer.enable_padding(pad_id=_PAD)
    embeddings, weights = from_pretrained(folder, _LAYERS)
    encoder = Encoder(Shape(_LAYERS, width=embeddings.pieces.embedding_dim, pieces=embeddings.pieces.num_embeddings))
    encoder.load_state_dict(weights)
    encoder.eval()
    result: dict[int, Vectors] = {}
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    for first in range(0, len(order), _TEXTS):
        chosen = order[first : first + _TEXTS]
        read = tokenizer.encode_batch([f"query: {texts[at]}" for at in chosen])
        ids = torch.tensor([each.ids for each in read])
        is_piece = torch.tensor([each.attention_mask for each in read], dtype=torch.bool)
        start = torch.zeros((len(chosen), 1), dtype=torch.long)
        (level,), _ = encoder.depths(embeddings(ids), Batch(ids, is_piece, start, start, start == 0), _LAYERS)
        shown = is_piece[..., None].float()
        means = torch.nn.functional.normalize((level.states * shown).sum(1) / shown.sum(1), dim=-1)
        result |= zip(chosen, means.numpy(), strict=True)
    return np.stack([result[at] for at in range(len(texts))])


def tone(vectors: Vectors, texts: Sequence[labelled.Text], held: Mask) -> Tally:
    true = np.array([text.labels[0] for text in texts])
    said = SVC(C=_TONE_FIT, class_weight="balanced").fit(vectors[~held], true[~held]).predict(vectors[held])
    return _tally(sorted(set(true)), [{label} for label in true[held]], [{label} for label in said])


def topics(vectors: Vectors, texts: Sequence[labelled.Text], held: Mask) -> Tally:
    """From what probability on a topic is told, is chosen by the texts that are learned from, split by document."""
    names = MultiLabelBinarizer()
    true = names.fit_transform([text.labels for text in texts])
    sources = np.array([text.source for text in texts])[~held]
    classifier: Any = OneVsRestClassifier(LogisticRegression(C=_TOPICS_FIT, max_iter=500))
    folds = GroupKFold(5)
    told = cross_val_predict(classifier, vectors[~held], true[~held], cv=folds, groups=sources, method="predict_proba")

    def tally(true: NDArray[np.int64], probabilities: NDArray[np.float64], least: float) -> Tally:
        said = probabilities >= least
        said[np.arange(len(said)), probabilities.argmax(axis=1)] = True
        return _tally(names.classes_, *([set(names.classes_[row > 0]) for row in rows] for rows in (true, said)))

    best = max(_THRESHOLDS, key=lambda least: tally(true[~held], told, least).micro().f1 or 0.0)
    return tally(true[held], classifier.fit(vectors[~held], true[~held]).predict_proba(vectors[held]), best)


def _tally(labels: Sequence[str], true: Sequence[set[str]], said: Sequence[set[str]]) -> Tally:
    return Tally.of_sets(labels, ((one, other, one & other) for one, other in zip(true, said, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a folder with sentiment/ and topics/")
    parser.add_argument("--encoder", type=Path, required=True, help=f"a BERT of {_LAYERS} layers with its tokenizer")
    arguments = parser.parse_args()
    for what, column, told in (("sentiment", "label", tone), ("topics", "topics", topics)):
        texts = labelled.read_table(arguments.data / what / "train.tsv", column)
        vectors = vectors_of([text.text for text in texts], arguments.encoder)
        by_document = np.array([labelled.is_held_back(text.source) for text in texts])
        at_random = np.random.default_rng(1).random(len(texts)) < by_document.mean()
        for split, held in (("documents held back", by_document), ("texts drawn at random", at_random)):
            tally = told(vectors - vectors[~held].mean(axis=0), texts, held)
            for row in (tally.micro(), tally.macro()):
                print(f"{what}, {split}: {row.label}-F1 {100 * (row.f1 or 0):.1f}", flush=True)


if __name__ == "__main__":
    main()
