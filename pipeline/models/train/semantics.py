"""Training names, tone and topics together, and then the head of topics anew on what the encoder has become."""

from __future__ import annotations

import copy
import random
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from torch import Tensor
from torch.nn import functional

from pipeline.models import arithmetic
from pipeline.models.encoder import Embeddings
from pipeline.models.pieces import Batch, Pieces
from pipeline.models.semantics import Labels, MarkReader, Semantics, Span, marks_of
from pipeline.models.train import heads
from pipeline.models.train.loop import batches_by_size, on_device

_SMALL = 0.03  # of the sentences are read without capitals, as speech recognisers write
_MOST_PIECES = 250  # of a sentence that is learned from
# A sum over some hundred topics outweighs the other tasks' means.
_TOPICS_LIGHTER = 4.0
_FOLDS = 4
UNKNOWN = -1.0  # nobody said whether

Floats = NDArray[np.float32]


class Settings(msgspec.Struct, frozen=True):
    layers: int = 12
    by_word: int = 8  # how many of the layers read words
    dropout: float = 0.1
    pieces_a_batch: int = 1_100
    # Batches an epoch of each: what is rare in the data is seen more often than its share.
    names: int = 500
    tones: int = 0
    topics: int = 0


class Marked(NamedTuple):
    forms: tuple[str, ...]
    spans: tuple[Span, ...]


class Toned(NamedTuple):
    forms: tuple[str, ...]
    tone: int


class Passage(NamedTuple):
    source: str  # its document
    sentences: tuple[tuple[str, ...], ...]
    topics: tuple[float, ...]  # by label: 1, 0, or -1 where nobody said


class Examples(NamedTuple):
    names: list[Marked]
    tones: list[Toned]
    passages: list[Passage]


class _Names(NamedTuple):
    batch: Batch
    marks: Tensor  # (texts, words), word 0 has none


class _Tones(NamedTuple):
    batch: Batch
    tones: Tensor  # (texts,)


class _Topics(NamedTuple):
    batch: Batch
    share: Tensor  # (passages, texts): 1 where a sentence is a passage's
    topics: Tensor  # (passages, labels)


class SemanticsTask:
    def __init__(
        self,
        model: Semantics,
        labels: Labels,
        embeddings: Embeddings,
        pieces: Pieces,
        known: Examples,
        chosen_by: Examples,
        settings: Settings,
        tone_weights: Sequence[float],
        device: str = "cpu",
    ) -> None:
        self.model = model
        self._device = device
        self._labels = labels
        self._embeddings = embeddings
        self._pieces = pieces
        self._settings = settings
        self._chosen_by = chosen_by
        self._marks = {mark: at for at, mark in enumerate(labels.marks)}
        self._tone_weights = torch.tensor(tone_weights, device=device)
        self._names = [each for each in known.names if pieces.count(each.forms) <= _MOST_PIECES]
        self._tones = [each for each in known.tones if pieces.count(each.forms) <= _MOST_PIECES]
        self._passages = known.passages

    def epoch(self, chance: random.Random) -> list[Any]:
        """A fixed number of batches of each task, in random order."""
        settings = self._settings
        batches = [
            *self._drawn(self._names, [self._pieces.count(e.forms) for e in self._names], settings.names, chance),
            *self._drawn(self._tones, [self._pieces.count(e.forms) for e in self._tones], settings.tones, chance),
            *self._drawn(self._passages, [_size(self._pieces, e) for e in self._passages], settings.topics, chance),
        ]
        chance.shuffle(batches)
        return [self._prepare(batch, chance) for batch in batches]

    def _drawn(
        self, examples: Sequence[Any], sizes: list[int], count: int, chance: random.Random
    ) -> Iterable[list[Any]]:
        """`count` batches; the examples are gone through again when they are not enough."""
        drawn: list[list[Any]] = []
        while len(drawn) < count:
            drawn += [
                [examples[index] for index in chosen]
                for chosen in batches_by_size(sizes, self._settings.pieces_a_batch, chance)
            ]
        return drawn[:count]

    def _prepare(self, examples: list[Any], chance: random.Random) -> _Names | _Tones | _Topics:
        if isinstance(examples[0], Passage):
            return self._prepare_topics(examples)
        batch = self._pieces.batch([_as_heard(each.forms, chance) for each in examples])
        if isinstance(examples[0], Toned):
            return _Tones(batch, torch.tensor([each.tone for each in examples]))
        marks = torch.zeros_like(batch.first)
        for row, each in enumerate(examples):
            said = marks_of(each.spans, len(each.forms))
            marks[row, 1 : len(said) + 1] = torch.tensor([self._marks[mark] for mark in said])
        return _Names(batch, marks)

    def _prepare_topics(self, passages: list[Passage]) -> _Topics:
        sentences = [sentence for passage in passages for sentence in passage.sentences]
        owner = torch.tensor([at for at, passage in enumerate(passages) for _ in passage.sentences])
        share = functional.one_hot(owner, len(passages)).T.float()
        return _Topics(self._pieces.batch(sentences), share, torch.tensor([passage.topics for passage in passages]))

    def loss(self, batch: Any) -> Tensor:
        model = self.model
        batch = on_device(batch, self._device)
        read = model.read(self._embeddings, batch.batch)
        if isinstance(batch, _Names):
            is_real = batch.batch.is_word.clone()
            is_real[:, 0] = False
            return functional.cross_entropy(model.marks(read.words)[is_real].float(), batch.marks[is_real])
        if isinstance(batch, _Tones):
            return functional.cross_entropy(model.tones(read.texts).float(), batch.tones, weight=self._tone_weights)
        scores = model.topics(passage_vectors(read.texts, read.sizes, batch.share)).float()
        return _topic_loss(scores, batch.topics) / _TOPICS_LIGHTER

    def finish(self, seed: int) -> tuple[Floats, Floats]:
        """Learn the head of topics anew, on vectors that no longer change.

        Returns, for all passages, probabilities by heads that did not learn from a passage's document, and 1 where it
        bears a topic: shape (passages, topics) both. Thresholds are chosen by them.
        """
        model = self.model
        passages = [*self._passages, *self._chosen_by.passages]
        vectors = self._vectors(passages)
        topics = torch.tensor([passage.topics for passage in passages], device=self._device)
        fold = torch.tensor([zlib.crc32(passage.source.encode()) % _FOLDS for passage in passages])
        told = torch.zeros(topics.shape)

        def learn(known: Tensor) -> None:
            def loss(scores: Tensor, chosen: Tensor) -> Tensor:
                return _topic_loss(scores, topics[known][chosen]) / scores.shape[1]

            heads.finish(model.topic_hidden, model.topic, vectors[known], loss, heads.EPOCHS, seed)

        for number in range(_FOLDS):
            learn(fold != number)
            with torch.no_grad():
                told[fold == number] = model.topics(vectors[fold == number]).float().sigmoid().cpu()
        learn(torch.ones(len(passages), dtype=torch.bool))
        return told.numpy(), (topics > 0).float().cpu().numpy()

    @torch.no_grad()
    def _vectors(self, passages: Sequence[Passage]) -> Tensor:
        """(passages, THIRDS * width), on a CPU in the arithmetic of a worker there: such the head will be given."""
        model = self.model
        if self._device == "cpu":
            model = copy.deepcopy(model)  # which is changed in place
            arithmetic.fit(model)
        # A sentence at a time, by length: together with its passage it would be read with much padding.
        sentences = [sentence for passage in passages for sentence in passage.sentences]
        sizes = [self._pieces.count(sentence) for sentence in sentences]
        vectors: dict[int, Tensor] = {}
        for chosen in batches_by_size(sizes, self._settings.pieces_a_batch, random.Random(0)):
            batch = on_device(self._pieces.batch([sentences[at] for at in chosen]), self._device)
            vectors |= zip(chosen, model.read(self._embeddings, batch).texts, strict=True)
        each = torch.stack([vectors[at] for at in range(len(sentences))])
        counts = [len(passage.sentences) for passage in passages]
        weighed = torch.tensor(sizes, device=each.device)
        parts = zip(torch.split(each, counts), torch.split(weighed, counts), strict=True)
        return torch.cat([passage_vectors(own, weights, own.new_ones(1, len(own))) for own, weights in parts])

    def score(self) -> dict[str, float]:
        """On the part that chooses: F1 of names (exact spans), and of tone (mean of three)."""
        result = {}
        if self._chosen_by.names:
            result["names"] = self._score_names()
        if self._chosen_by.tones and self._settings.tones:
            result |= self._score_tones()
        return result

    def _score_names(self) -> float:
        reader = MarkReader(self._labels)
        counts = Counter[str]()
        for chosen in self._in_order(self._chosen_by.names):
            batch = on_device(self._pieces.batch([each.forms for each in chosen]), self._device)
            scores = self.model.marks(self.model.read(self._embeddings, batch).words).float().cpu().numpy()
            for row, each in enumerate(chosen):
                found = set(reader.names(scores[row, 1 : len(each.forms) + 1]))
                counts["found"] += len(found)
                counts["true"] += len(each.spans)
                counts["both"] += len(found & set(each.spans))
        return 2 * counts["both"] / max(1, counts["found"] + counts["true"])

    def _score_tones(self) -> dict[str, float]:
        said, true = [], []
        for chosen in self._in_order(self._chosen_by.tones):
            batch = on_device(self._pieces.batch([each.forms for each in chosen]), self._device)
            read = self.model.read(self._embeddings, batch)
            said += self.model.tones(read.texts).argmax(-1).tolist()
            true += [each.tone for each in chosen]
        return {"tone": float(f1_score(true, said, average="macro"))}

    def _in_order(self, examples: Sequence[Any]) -> Iterable[list[Any]]:
        ordered = sorted((each for each in examples), key=lambda each: len(each.forms))
        for at in range(0, len(ordered), 32):
            yield ordered[at : at + 32]


def _topic_loss(scores: Tensor, topics: Tensor) -> Tensor:
    """The mean over passages of the sum over topics of which it is known whether a passage bears them."""
    is_known = (topics != UNKNOWN).float()
    lost = functional.binary_cross_entropy_with_logits(scores, topics.clamp(min=0.0), reduction="none")
    result: Tensor = (lost * is_known).sum() / len(scores)
    return result


def passage_vectors(texts: Tensor, sizes: Tensor, share: Tensor) -> Tensor:
    """Means of the sentences' vectors weighted by size: (texts, width) and (passages, texts) to (passages, width)."""
    weights = share.to(texts.dtype) * sizes.to(texts.dtype)[None]
    return (weights / weights.sum(1, keepdim=True)) @ texts


def _size(pieces: Pieces, passage: Passage) -> int:
    longest = max(pieces.count(sentence) for sentence in passage.sentences)
    return longest * len(passage.sentences)


def _as_heard(forms: Sequence[str], chance: random.Random) -> list[str]:
    return [form.lower() for form in forms] if chance.random() < _SMALL else list(forms)
