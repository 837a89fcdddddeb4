"""Entities: named entities over the words of the parse, by Stanza's tagger, joined and named in the nominative.

The types are those of NER-UK 2.0: ART, DATE, DOC, JOB, LOC, MISC, MON, ORG, PCT, PERIOD, PERS, QUANT, TIME.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from stanza import Document as StanzaDocument

from pipeline.artifact import Content, Entities, Parse
from pipeline.models.neural import NeuralModels
from pipeline.names import Found, entities
from pipeline.stages import Subject


class EntitiesStage:
    def __init__(self, models: NeuralModels) -> None:
        self._tagger = models.tagger

    @torch.inference_mode()
    def run(self, batch: Sequence[Subject]) -> list[Content]:
        tagged = self._tagger.bulk_process([_words_only(subject.parse) for subject in batch])
        return [
            Entities(entities(subject.document.text, subject.parse, list(_found(document))))
            for subject, document in zip(batch, tagged, strict=True)
        ]


def _words_only(parse: Parse) -> StanzaDocument:
    """The parse's words as Stanza wants them; nothing is tokenized again."""
    return StanzaDocument(
        [
            [{"id": (number,), "text": word.form} for number, word in enumerate(sentence.words, 1)]
            for sentence in parse.sentences
        ]
    )


def _found(document: StanzaDocument) -> Iterator[Found]:
    for number, sentence in enumerate(document.sentences):
        for span in sentence.ents:
            first, last = span.tokens[0].id[0] - 1, span.tokens[-1].id[0] - 1
            yield Found(number, first, last, span.type)
