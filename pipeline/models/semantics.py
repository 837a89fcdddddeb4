"""What a sentence is about: names, tone and topics by one pass of an encoder and a head for each.

Names are told from the last layer's words. A sentence's vector is made of the means of its pieces' states after each
third of the layers: what the encoder learned from a billion pairs of texts changes least in the lowest, and says what
a few thousand labelled texts could not teach. Tone is told from one, topics from the mean of a passage's. Names are
runs of words, by one of five marks a type: a word begins, continues or ends a name, is one by itself, or is none
(BIOES). Whatever the scores are, marks that cannot follow one another are never chosen together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pipeline.models.encoder import Embeddings, Encoder, Shape
from pipeline.models.pieces import Batch

OUTSIDE = "O"


class Labels(msgspec.Struct, frozen=True):
    """What the heads choose from."""

    types: tuple[str, ...]  # of names
    tones: tuple[str, ...]
    topics: tuple[str, ...]  # ids of IPTC Media Topics

    @property
    def marks(self) -> tuple[str, ...]:
        return (OUTSIDE, *(f"{place}-{type_}" for type_ in self.types for place in "BIES"))


class Read(NamedTuple):
    words: Tensor  # (texts, words, width); word 0 is the start
    texts: Tensor  # (texts, THIRDS * width)
    sizes: Tensor  # (texts,): how many pieces


class Semantics(nn.Module):
    """`embeddings` are given, not learned: encoders of several tasks share them."""

    HIDDEN = 256
    THIRDS = 3

    def __init__(self, shape: Shape, labels: Labels, dropout: float = 0.0) -> None:
        super().__init__()
        width, hidden = shape.width, self.HIDDEN
        if shape.layers % self.THIRDS:
            raise ValueError(f"an encoder of {shape.layers} layers cannot be divided by three")
        self._third = shape.layers // self.THIRDS
        self.encoder = Encoder(shape, dropout)
        self.word = nn.Linear(width, width)
        self.mark = nn.Linear(width, len(labels.marks))
        self.tone_hidden = nn.Linear(self.THIRDS * width, hidden)
        self.tone = nn.Linear(hidden, len(labels.tones))
        self.topic_hidden = nn.Linear(self.THIRDS * width, hidden)
        self.topic = nn.Linear(hidden, len(labels.topics))
        self.drop = nn.Dropout(dropout * 2)

    def read(self, embeddings: Embeddings, batch: Batch) -> Read:
        embedded = embeddings(batch.ids).to(self.encoder.dtype)
        depths = self.encoder.depths(embedded, batch, self._third)
        means = [_mean(level.states.float(), level.is_there) for level in depths.levels]
        words = functional.gelu(self.word(self.drop(depths.words.float())))
        return Read(words, torch.cat(means, dim=-1), batch.is_piece.sum(1).float())

    def marks(self, words: Tensor) -> Tensor:
        result: Tensor = self.mark(self.drop(words))
        return result

    def tones(self, texts: Tensor) -> Tensor:
        result: Tensor = self.tone(self.drop(functional.gelu(self.tone_hidden(self.drop(texts)))))
        return result

    def topics(self, passages: Tensor) -> Tensor:
        """`passages` (passages, THIRDS * width) are means of their sentences' vectors, weighted by size."""
        result: Tensor = self.topic(self.drop(functional.gelu(self.topic_hidden(self.drop(passages)))))
        return result


def _mean(states: Tensor, is_there: Tensor) -> Tensor:
    """Of each text, (texts, width)."""
    shown = is_there[..., None].to(states.dtype)
    return (states * shown).sum(1) / shown.sum(1)


class Span(NamedTuple):
    """A name: indices of its first and last word, counted from 0."""

    first: int
    last: int
    type: str


class MarkReader:
    """Finds the best allowed sequence of marks (Viterbi over constraints alone) and the names it says."""

    def __init__(self, labels: Labels) -> None:
        self._marks = labels.marks
        opens = np.array([mark[0] in "BI" for mark in self._marks])  # a name goes on after it
        goes_on = np.array([mark[0] in "IE" for mark in self._marks])  # a name was open before it
        same = np.array([[one[2:] == other[2:] for other in self._marks] for one in self._marks])
        allowed = np.where(opens[:, None], goes_on[None] & same, ~goes_on[None])
        self._step = np.where(allowed, 0.0, -np.inf).astype(np.float32)
        self._start = np.where(goes_on, -np.inf, 0.0).astype(np.float32)
        self._end = np.where(opens, -np.inf, 0.0).astype(np.float32)

    def names(self, scores: NDArray[np.float32]) -> list[Span]:
        """`scores` has the shape (words, marks)."""
        best = scores.argmax(axis=1)
        if not best.any():
            return []
        if not self._is_allowed(best):
            best = self._search(scores)
        return list(self._spans(best))

    def _is_allowed(self, marks: NDArray[np.int64]) -> bool:
        path = self._start[marks[0]] + self._step[marks[:-1], marks[1:]].sum() + self._end[marks[-1]]
        return bool(path == 0)

    def _search(self, scores: NDArray[np.float32]) -> NDArray[np.int64]:
        total = scores[0] + self._start
        backwards = np.zeros(scores.shape, dtype=np.int64)
        for at in range(1, len(scores)):
            reached = total[:, None] + self._step
            backwards[at] = reached.argmax(axis=0)
            total = reached.max(axis=0) + scores[at]
        path = np.zeros(len(scores), dtype=np.int64)
        path[-1] = (total + self._end).argmax()
        for at in range(len(scores) - 1, 0, -1):
            path[at - 1] = backwards[at, path[at]]
        return path

    def _spans(self, marks: NDArray[np.int64]) -> list[Span]:
        spans, first = [], 0
        for at, mark in enumerate(self._marks[index] for index in marks):
            if mark[0] in "BS":
                first = at
            if mark[0] in "ES":
                spans.append(Span(first, at, mark[2:]))
        return spans


def marks_of(spans: Sequence[Span], words: int) -> list[str]:
    """The marks that say `spans`, of `words` words."""
    marks = [OUTSIDE] * words
    for first, last, type_ in spans:
        if first == last:
            marks[first] = f"S-{type_}"
        else:
            marks[first], marks[last] = f"B-{type_}", f"E-{type_}"
            marks[first + 1 : last] = [f"I-{type_}"] * (last - first - 1)
    return marks
