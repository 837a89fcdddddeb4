"""The models of a bundle, each part loaded once and when first asked for; one torch thread.

A bundle holds Stanza's own models for tags, trees and names, or the project's encoders for them. Both are asked in the
same way, so the stages do not know which it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import torch
from stanza.models.common.foundation_cache import FoundationCache

from pipeline.models import annotating, arithmetic, memory, weights
from pipeline.models.annotating import Annotator
from pipeline.models.bundle import Bundle
from pipeline.models.encoder import Embeddings, Shape
from pipeline.models.pieces import Pieces
from pipeline.models.reader import Reader
from pipeline.models.semantics import Span
from pipeline.models.stanza_models import StanzaAnnotator, StanzaModels
from pipeline.models.tokenizing import Tokenizer

# More threads in a process make two busy processes slower, not faster: the tensors are small.
torch.set_num_threads(1)
memory.keep()
logging.getLogger("stanza").setLevel(logging.ERROR)

EMBEDDINGS = "embeddings.safetensors"
PIECES = "pieces.json"

Loaded = TypeVar("Loaded")


class Tagger(Protocol):
    """Finds names in sentences that are cut into words."""

    @property
    def types(self) -> Sequence[str]:
        """The types of names that it tells."""
        ...

    def names(self, sentences: Sequence[Sequence[str]]) -> Sequence[Sequence[Span]]: ...


class NeuralModels:
    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._stanza = StanzaModels(bundle, FoundationCache())
        self._loaded: dict[str, Any] = {}

    @property
    def tokenizer(self) -> Tokenizer:
        return self._once("tokenizer", self._stanza.tokenizer)

    @property
    def annotator(self) -> Annotator | StanzaAnnotator:
        """What gives words tags, lemmas and trees."""
        return self._once("annotator", self._load_annotator)

    @property
    def tagger(self) -> Tagger:
        return self.reader if self._has("entities", PIECES) else self._once("tagger", self._stanza.tagger)

    @property
    def reader(self) -> Reader:
        """Names, tone and topics."""
        return self._once("reader", lambda: Reader(self._bundle, self._embeddings, self._pieces))

    @property
    def entity_types(self) -> Mapping[str, str]:
        """What the tagger calls a type -> what Efir calls it, where they differ."""
        return self._bundle.manifest.entity_types

    @property
    def _embeddings(self) -> Embeddings:
        return self._once("embeddings", lambda: _load_embeddings(self._bundle))

    @property
    def _pieces(self) -> Pieces:
        return self._once("pieces", lambda: Pieces(self._bundle.path(PIECES)))

    def _load_annotator(self) -> Annotator | StanzaAnnotator:
        if self._has("parse", annotating.FILE):
            return Annotator(self._bundle, self._embeddings, self._pieces)
        return self._stanza.annotator()

    def _has(self, stage: str, name: str) -> bool:
        return name in self._bundle.manifest.stages[stage]

    def _once(self, name: str, load: Callable[[], Loaded]) -> Loaded:
        if name not in self._loaded:
            self._loaded[name] = load()
            memory.give_back()
        return self._loaded[name]  # type: ignore[no-any-return]


def _load_embeddings(bundle: Bundle) -> Embeddings:
    stored, shape = weights.load(bundle.path(EMBEDDINGS), Shape)
    with torch.device("meta"):
        embeddings = Embeddings(shape)
    embeddings.load_state_dict(stored, assign=True)
    embeddings.register_module("pieces", arithmetic.Int8Embedding(embeddings.pieces))
    return embeddings.eval().requires_grad_(False)
