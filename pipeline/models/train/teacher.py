"""A teacher for the topic classifier: a sentence encoder that labels passages nobody labelled.

The student, a linear model over words, knows few of a topic's words from 1,200 labelled passages. A classifier over an
encoder's embeddings generalises further from the same passages, but is too slow to run on every document: so it labels
thousands of unlabelled passages, with probabilities, for the student to learn from (Hinton, Vinyals and Dean,
"Distilling the knowledge in a neural network", 2015). Passages of held-back documents are left out.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from pipeline.models.features import Floats
from pipeline.models.train.labelled import Text, is_held_back
from pipeline.stages.topics import PASSAGE_CHARS

Tell = Callable[[str], None]

PASSAGES = 6_000
_LONGEST = 1_200  # characters; the encoder reads 256 pieces of a word
_PIECES = 256
_BATCH = 32
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+")


def unlabelled(data: Path, seed: int = 0) -> list[Text]:
    """Passages of `raw/corpus.jsonl.gz` and `transcripts/`, shuffled, none of a held-back document."""
    passages: list[Text] = []
    with gzip.open(data / "raw" / "corpus.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            document = json.loads(line)
            passages += [Text(document["id"], (), passage) for passage in _cut(document["text"])]
    for path in sorted((data / "transcripts").glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        passages += [Text(document["id"], (), passage) for passage in _cut(document["text"])]
    allowed = [passage for passage in passages if not is_held_back(passage.source)]
    random.Random(seed).shuffle(allowed)
    return allowed[:PASSAGES]


def label(encoder: Path, known: Sequence[Text], true: Floats, passages: Sequence[Text], tell: Tell) -> Floats:
    """Probabilities of every label for `passages`, shape (passages, labels), learned from `known` and `true`."""
    taught = _embed(encoder, [text.text for text in known], tell)
    asked = _embed(encoder, [text.text for text in passages], tell)
    mean = taught.mean(axis=0)
    classifier = OneVsRestClassifier(LogisticRegression(C=10, class_weight="balanced", max_iter=500))
    classifier.fit(_unit(taught - mean), true)
    return np.asarray(classifier.predict_proba(_unit(asked - mean)), dtype=np.float32)


def _cut(text: str) -> Iterator[str]:
    run = ""
    for sentence in _SENTENCE_END.split(text):
        run = f"{run} {sentence}".strip()
        if len(run) >= PASSAGE_CHARS:
            yield run[:_LONGEST]
            run = ""
    if len(run) > PASSAGE_CHARS / 3:
        yield run


def _embed(encoder: Path, texts: Sequence[str], tell: Tell) -> Floats:
    """Mean over the tokens, as the E5 family wants it; shape (texts, width)."""
    from transformers import AutoModel, AutoTokenizer  # noqa: PLC0415 (of the extra `train`)

    tokenizer, model = AutoTokenizer.from_pretrained(encoder), AutoModel.from_pretrained(encoder).float().eval()
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    result = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
    for at in range(0, len(order), _BATCH):
        chosen = order[at : at + _BATCH]
        pieces = tokenizer(
            [f"passage: {texts[index]}" for index in chosen],
            padding=True,
            truncation=True,
            max_length=_PIECES,
            return_tensors="pt",
        )
        with torch.inference_mode():
            states = model(**pieces).last_hidden_state
        mask = pieces["attention_mask"][..., None]
        result[chosen] = ((states * mask).sum(1) / mask.sum(1)).numpy()
        if at % (20 * _BATCH) == 0:
            tell(f"embedded {at} of {len(texts)}")
    return _unit(result)


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)
