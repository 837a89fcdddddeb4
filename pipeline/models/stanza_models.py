"""Stanza's own pipelines from a bundle, offline: one from text to trees, one from words to entity tags.

Stanza would download what it does not find; `download_method=None`, `package=None` and an empty list of resources keep
it to the bundle's files, all of which the manifest's digests cover. It loads them with `weights_only=True`.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import stanza
import torch
from stanza import Document as StanzaDocument
from stanza.models.common.foundation_cache import FoundationCache

from pipeline.models import faster
from pipeline.models.bundle import Bundle, BundleError, Processor, Role, stage_of
from pipeline.models.cutting import Cut
from pipeline.models.semantics import Span
from pipeline.models.tokenizing import Tokenizer

VECTORS = "vectors.pt"
# What the files are called, unless the manifest says it.
_USUAL: dict[Processor, dict[Role, str]] = {
    "tokenize": {"model": "tokenize.pt"},
    "pos": {"model": "pos.pt", "pretrain": VECTORS},
    "lemma": {"model": "lemma.pt"},
    "depparse": {"model": "depparse.pt", "pretrain": VECTORS},
    "ner": {"model": "ner.pt", "pretrain": VECTORS},
}


class StanzaTagger:
    """Names by Stanza's NER processor."""

    def __init__(self, processor: Any) -> None:
        self._processor = processor

    @property
    def types(self) -> list[str]:
        """The types that it tells."""
        return sorted({tag[2:] for tag in self._processor.get_known_tags() if tag[2:]})

    def names(self, sentences: Sequence[Sequence[str]]) -> list[list[Span]]:
        words = [[{"id": (at,), "text": word} for at, word in enumerate(words, 1)] for words in sentences]
        (document,) = self._processor.bulk_process([StanzaDocument(words)])
        return [
            [Span(span.tokens[0].id[0] - 1, span.tokens[-1].id[0] - 1, span.type) for span in sentence.ents]
            for sentence in document.sentences
        ]


class StanzaAnnotator:
    """Tags, lemmas and trees, and words of tokens that are several, by Stanza's processors in order."""

    def __init__(self, processors: Sequence[Any]) -> None:
        self.processors = processors

    @torch.inference_mode()
    def annotate(self, cut: Sequence[Cut]) -> list[Any]:
        """Stanza's documents."""
        documents = [_document(each) for each in cut]
        for processor in self.processors:
            documents = processor.bulk_process(documents)
        return documents


def _document(cut: Cut) -> StanzaDocument:
    return StanzaDocument(
        [
            [
                {
                    "id": (number,),
                    "text": token.text,
                    "start_char": token.start,
                    "end_char": token.end,
                    **({"misc": "MWT=Yes"} if token.is_several else {}),
                }
                for number, token in enumerate(sentence, 1)
            ]
            for sentence in cut.sentences
        ],
        text=cut.text,
    )


class StanzaModels:
    """What Stanza makes of a bundle. `foundation` keeps what its parts share: vectors and character models."""

    def __init__(self, bundle: Bundle, foundation: FoundationCache) -> None:
        self._bundle = bundle
        self._foundation = foundation
        self._parts: Mapping[Processor, Mapping[Role, str]] = bundle.manifest.processors or _USUAL

    def tokenizer(self) -> Tokenizer:
        return Tokenizer(self._parser.processors["tokenize"])

    def annotator(self) -> StanzaAnnotator:
        """Of what there is for the language."""
        processors = self._parser.processors
        if "pos" not in processors:
            self._options("pos")  # which says that there is no model
        names = ("mwt", "pos", "lemma", "depparse")  # a language without multi-word tokens has no mwt
        return StanzaAnnotator(
            [
                faster.BoundedLemmas(processors[name]) if name == "lemma" else processors[name]
                for name in names
                if name in processors
            ]
        )

    def tagger(self) -> StanzaTagger:
        """The NER processor alone, for documents that are already cut into words."""
        return StanzaTagger(self._pipeline(["ner"], {"tokenize_pretokenized": True}, "tokenize").processors["ner"])

    @cached_property
    def _parser(self) -> Any:
        faster.apply()
        parts: tuple[Processor, ...] = ("tokenize", "mwt", "pos", "lemma", "depparse")
        # A bundle whose manifest names only the tokenizer annotates by other means.
        if set(self._parts) <= {"tokenize"}:
            parts = ("tokenize",)
        return self._pipeline([part for part in parts if part in self._parts or part != "mwt"], dict(faster.OPTIONS))

    def _pipeline(self, parts: list[Processor], options: dict[str, Any], *without_files: str) -> Any:
        for part in parts:
            options |= self._options(part)
        return _open(self._bundle.folder, self._bundle.language, (*without_files, *parts), self._foundation, options)

    def _options(self, part: Processor) -> dict[str, Any]:
        roles = self._parts.get(part, {})
        if "model" not in roles:
            if part == "lemma":
                return {"lemma_use_identity": True}
            raise BundleError(f"the bundle {self._bundle.name!r} has no model for Stanza's processor {part!r}")
        return {f"{part}_{role}_path": self._path(part, name) for role, name in roles.items()}

    def _path(self, part: Processor, name: str) -> str:
        stage = stage_of(part)
        if name not in self._bundle.manifest.stages[stage]:
            raise BundleError(
                f"the bundle {self._bundle.name!r} wants {name} for Stanza's processor {part!r} and does not name it "
                f"among the files of the stage {stage!r}, so nobody has verified it"
            )
        return str(self._bundle.path(name))


def open_tokenizer(model: Path, language: str) -> Tokenizer:
    """The tokenizer alone, from its file."""
    options = {"tokenize_model_path": str(model)}
    opened = _open(model.parent, language, ("tokenize",), FoundationCache(), options)
    return Tokenizer(opened.processors["tokenize"])


def _open(
    folder: Path, language: str, processors: Sequence[str], foundation: FoundationCache, options: dict[str, Any]
) -> Any:
    with warnings.catch_warnings(), tempfile.NamedTemporaryFile("w", suffix=".json") as no_resources:
        warnings.simplefilter("ignore")
        no_resources.write("{}")
        no_resources.flush()
        return stanza.Pipeline(
            lang=language,
            dir=str(folder),
            resources_filepath=no_resources.name,
            processors=",".join(processors),
            package=None,
            allow_unknown_language=True,
            download_method=None,
            use_gpu=False,
            foundation_cache=foundation,
            logging_level="ERROR",
            **options,
        )
