"""Names, tone and topics of sentences, by one pass of an encoder.

The stages entities, sentiment and topics each ask for their own part, one after the other and often in the same
process. So what was read is kept a while, and the next to ask finds it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.models import arithmetic, reading, weights
from pipeline.models.bundle import Bundle
from pipeline.models.encoder import Embeddings, Shape
from pipeline.models.pieces import Pieces
from pipeline.models.semantics import Labels, MarkReader, Semantics, Span

FILE = "semantics.safetensors"
# Sentences that are kept: two full batches of documents; some 8 MB.
_KEPT = 2_000

Floats = NDArray[np.float32]
Halves = NDArray[np.float16]


class TopicLabel(msgspec.Struct, frozen=True):
    """A Media Topic; `parent` is that of the top level, its own id there. `threshold`: the least confidence told."""

    id: str
    name: str
    parent: str
    threshold: float

    @property
    def is_top(self) -> bool:
        return self.parent == self.id


class About(msgspec.Struct, frozen=True):
    shape: Shape
    labels: Labels
    topics: tuple[TopicLabel, ...]  # in the order of labels.topics


class Understood(NamedTuple):
    names: tuple[Span, ...]
    vector: Halves  # (THIRDS * width,)
    size: int  # pieces


class Reader:
    def __init__(self, bundle: Bundle, embeddings: Embeddings, pieces: Pieces) -> None:
        stored, about = weights.load(bundle.path(FILE), About)
        self.topic_labels = about.topics
        self.tone_labels = about.labels.tones
        self.types = about.labels.types
        self._embeddings = embeddings
        self._pieces = pieces
        self._marks = MarkReader(about.labels)
        with torch.device("meta"):  # nothing is drawn at random that is to be replaced
            self._model = Semantics(about.shape, about.labels)
        self._model.load_state_dict(stored, assign=True)
        self._model.eval()
        arithmetic.fit(self._model)
        self._kept: OrderedDict[tuple[str, ...], Understood] = OrderedDict()

    def names(self, sentences: Sequence[Sequence[str]]) -> list[tuple[Span, ...]]:
        return [understood.names for understood in self._read(sentences)]

    @torch.inference_mode()
    def tones(self, sentences: Sequence[Sequence[str]]) -> Floats:
        """Probabilities of `tone_labels`, shape (sentences, labels)."""
        vectors = np.array([understood.vector for understood in self._read(sentences)], np.float32)
        if not len(vectors):
            return np.zeros((0, len(self.tone_labels)), np.float32)
        return np.asarray(self._model.tones(torch.from_numpy(vectors)).softmax(-1).numpy())

    @torch.inference_mode()
    def topics(self, passages: Sequence[Sequence[Sequence[str]]]) -> Floats:
        """Probabilities of `topic_labels` for passages of sentences, each by itself: shape (passages, labels)."""
        understood = iter(self._read([words for passage in passages for words in passage]))
        means = []
        for passage in passages:
            own = [next(understood) for _ in passage]
            means.append(np.average([each.vector for each in own], axis=0, weights=[each.size for each in own]))
        if not means:
            return np.zeros((0, len(self.topic_labels)), np.float32)
        vectors = torch.from_numpy(np.array(means, dtype=np.float32))
        return np.asarray(self._model.topics(vectors).sigmoid().numpy())

    @torch.inference_mode()
    def _read(self, sentences: Sequence[Sequence[str]]) -> list[Understood]:
        keys = [tuple(words) for words in sentences]
        known = {key: self._kept[key] for key in keys if key in self._kept}
        unknown = [key for key in dict.fromkeys(keys) if key not in known]
        known |= zip(unknown, self._understand(unknown), strict=True)
        for key in unknown[-_KEPT:]:
            self._kept[key] = known[key]
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return [known[key] for key in keys]

    def _understand(self, sentences: Sequence[tuple[str, ...]]) -> list[Understood]:
        parts: list[list[tuple[int, Understood]]] = [[] for _ in sentences]
        for chosen in reading.batches(sentences, self._pieces):
            batch = self._pieces.batch([sentences[part.sentence][part.first : part.end] for part in chosen])
            read = self._model.read(self._embeddings, batch)
            scores = self._model.marks(read.words).numpy()
            for row, part in enumerate(chosen):
                spans = self._marks.names(scores[row, 1 : part.end - part.first + 1])
                names = tuple(Span(first + part.first, last + part.first, type_) for first, last, type_ in spans)
                understood = Understood(names, read.texts[row].half().numpy().copy(), int(read.sizes[row]))
                parts[part.sentence].append((part.first, understood))
        return [_joined([understood for _, understood in sorted(own, key=lambda pair: pair[0])]) for own in parts]


def _joined(parts: Sequence[Understood]) -> Understood:
    """A sentence that was too long to be read at once; a name across the cut is two."""
    if len(parts) == 1:
        return parts[0]
    sizes = [part.size for part in parts]
    vector = np.average([part.vector for part in parts], axis=0, weights=sizes).astype(np.float16)
    return Understood(tuple(name for part in parts for name in part.names), vector, sum(sizes))
