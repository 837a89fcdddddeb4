"""Stanza pipelines from a bundle, offline, one torch thread.

Two pipelines share the word vectors: one from text to trees, one from words to entity tags. Stanza would download
what it does not find; `download_method=None`, `package=None` and an empty `resources.json` keep it to our files.
"""

from __future__ import annotations

import logging
import warnings
from functools import cached_property
from typing import Any

import numpy as np
import stanza
import torch
from numpy.typing import NDArray
from stanza.models.common.foundation_cache import FoundationCache

from pipeline.models import faster
from pipeline.models.bundle import Bundle

# More threads in a process make two busy processes slower, not faster: the tensors are small.
torch.set_num_threads(1)
logging.getLogger("stanza").setLevel(logging.ERROR)

_PARSE = ("tokenize", "pos", "lemma", "depparse")
_WITH_VECTORS = frozenset({"pos", "depparse", "ner"})
VECTORS = "vectors.pt"


class Vectors:
    """Word vectors by falling frequency; `matrix` and `units` (of length 1) have the shape (words, dimensions)."""

    def __init__(self, index: dict[str, int], matrix: NDArray[np.float32]) -> None:
        self.index = index
        self.matrix = matrix

    @cached_property
    def units(self) -> NDArray[np.float32]:
        lengths = np.linalg.norm(self.matrix, axis=1, keepdims=True)
        return np.asarray(self.matrix / np.maximum(lengths, 1e-6), dtype=np.float32)

    def find(self, form: str, lemma: str) -> int | None:
        """The row of a word: its form's, else its lemma's."""
        return self.index.get(form.lower(), self.index.get(lemma.lower()))


class NeuralModels:
    """What Stanza loads from one bundle, each part once and when first asked for."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._foundation = FoundationCache()
        self._loaded: dict[str, Any] = {}

    @property
    def parser(self) -> Any:
        """`stanza.Pipeline` for tokens, tags, lemmas and trees; feed it `bulk_process`."""
        faster.apply()
        return self._once("parser", lambda: self._pipeline(_PARSE, **faster.OPTIONS))

    @property
    def tagger(self) -> Any:
        """The NER processor alone, for documents that are already cut into words."""
        return self._once(
            "tagger",
            lambda: self._pipeline(("tokenize", "ner"), tokenize_pretokenized=True).processors["ner"],
        )

    @property
    def vectors(self) -> Vectors:
        return self._once("vectors", self._load_vectors)  # type: ignore[no-any-return]

    def _once(self, name: str, load: Any) -> Any:
        if name not in self._loaded:
            self._loaded[name] = load()
        return self._loaded[name]

    def _load_vectors(self) -> Vectors:
        pretrain = self._foundation.load_pretrain(str(self._bundle.path(VECTORS)))
        return Vectors(dict(pretrain.vocab._unit2id), np.asarray(pretrain.emb, dtype=np.float32))

    def _pipeline(self, processors: tuple[str, ...], **options: Any) -> Any:
        for name in processors:
            if name == "tokenize" and options.get("tokenize_pretokenized"):
                continue
            options[f"{name}_model_path"] = str(self._bundle.path(f"{name}.pt"))
            if name in _WITH_VECTORS:
                options[f"{name}_pretrain_path"] = str(self._bundle.path(VECTORS))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return stanza.Pipeline(
                lang=self._bundle.language,
                dir=str(self._bundle.folder),
                processors=",".join(processors),
                package=None,
                allow_unknown_language=True,
                download_method=None,
                use_gpu=False,
                foundation_cache=self._foundation,
                logging_level="ERROR",
                **options,
            )
