"""Entities: named entities over the words of the parse, found by a tagger, joined and named in the nominative.

The types are those of NER-UK 2.0: ART, DATE, DOC, JOB, LOC, MISC, MON, ORG, PCT, PERIOD, PERS, QUANT, TIME. A bundle
whose tagger has others says which of these they are; what has none keeps its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from pipeline.artifact import Content, Entities
from pipeline.models.neural import NeuralModels
from pipeline.models.semantics import Span
from pipeline.names import Found, entities
from pipeline.stages import Subject


class EntitiesStage:
    def __init__(self, models: NeuralModels) -> None:
        self._tagger = models.tagger
        self._types = models.entity_types

    @torch.inference_mode()
    def run(self, batch: Sequence[Subject]) -> list[Content]:
        found = iter(self._tagger.names([sentence.forms for subject in batch for sentence in subject.parse.sentences]))
        return [
            Entities(entities(subject.document.text, subject.parse, self._found(subject, found))) for subject in batch
        ]

    def _found(self, subject: Subject, found: Iterator[Sequence[Span]]) -> list[Found]:
        return [
            Found(number, span.first, span.last, self._types.get(span.type, span.type))
            for number in range(len(subject.parse.sentences))
            for span in next(found)
        ]
