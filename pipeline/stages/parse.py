"""Parse: text to sentences, words, tags, lemmas and trees (Universal Dependencies)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.artifact import Content, MultiWord, Parse, ParsedSentence, Word
from pipeline.models.neural import NeuralModels
from pipeline.plain import PlainText
from pipeline.stages import Subject, bounded
from pipeline.transcript import turns


class ParseStage:
    def __init__(self, models: NeuralModels) -> None:
        self._tokenizer = models.tokenizer
        self._annotator = models.annotator

    def run(self, batch: Sequence[Subject]) -> list[Content]:
        plains = [PlainText(subject.document.text, turns(subject.document.segments)) for subject in batch]
        sentences: list[list[ParsedSentence]] = [[] for _ in batch]
        for run in bounded.runs([plain.text for plain in plains]):
            texts = [plains[window.document].text[window.start : window.end] for window in run]
            cut = [each.bounded() for each in self._tokenizer.cut(texts)]
            for window, document in zip(run, self._annotator.annotate(cut), strict=True):
                plain = plains[window.document]
                sentences[window.document] += [_sentence(each, plain, window.start) for each in document.sentences]
        return [Parse(tuple(own)) for own in sentences]


def _sentence(sentence: Any, plain: PlainText, begins: int) -> ParsedSentence:
    """`begins`: where in the plain text the window begins that the sentence's offsets are of."""
    words: list[Word] = []
    multiwords: list[MultiWord] = []
    for token in sentence.tokens:
        start, end = plain.span(begins + token.start_char, begins + token.end_char)
        if len(token.words) > 1:
            first = len(words) + 1
            multiwords.append(MultiWord(first, first + len(token.words) - 1, token.text, start, end))
        for word in token.words:
            words.append(
                Word(
                    form=word.text,
                    lemma=word.lemma or "",
                    upos=word.upos or "",
                    xpos=word.xpos or "",
                    # Sorted as the format wants it; the model writes them as its treebank did.
                    feats="|".join(sorted((word.feats or "").split("|"), key=str.lower)),
                    head=word.head,
                    deprel=word.deprel or "",
                    start=start,
                    end=end,
                )
            )
    return ParsedSentence(words[0].start, words[-1].end, tuple(words), tuple(multiwords))
