"""Parse: text to sentences, words, tags, lemmas and trees (Universal Dependencies)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from stanza import Document as StanzaDocument

from pipeline.artifact import Content, MultiWord, Parse, ParsedSentence, Word
from pipeline.models.neural import NeuralModels
from pipeline.plain import PlainText
from pipeline.stages import Subject, bounded
from pipeline.transcript import turns

# The parser's time and memory grow with the square of a sentence's length. A "sentence" longer than this is a list,
# a table or speech without full stops: it is cut here, after a comma or semicolon in its last quarter if there is one.
MAX_SENTENCE_WORDS = 200
_SOFT_BREAKS = frozenset(",;:–—-")


class ParseStage:
    def __init__(self, models: NeuralModels) -> None:
        self._tokenize = models.tokenizer
        self._annotate = models.annotators

    @torch.inference_mode()
    def run(self, batch: Sequence[Subject]) -> list[Content]:
        plains = [PlainText(subject.document.text, turns(subject.document.segments)) for subject in batch]
        sentences: list[list[ParsedSentence]] = [[] for _ in batch]
        for run in bounded.runs([plain.text for plain in plains]):
            parsed = self._parse([plains[window.document].text[window.start : window.end] for window in run])
            for window, document in zip(run, parsed, strict=True):
                plain = plains[window.document]
                sentences[window.document] += [_sentence(each, plain, window.start) for each in document.sentences]
        return [Parse(tuple(own)) for own in sentences]

    def _parse(self, texts: Sequence[str]) -> list[Any]:
        parsed = self._tokenize.bulk_process([StanzaDocument([], text=text) for text in texts])
        parsed = [with_bounded_sentences(document) for document in parsed]
        for processor in self._annotate:
            parsed = processor.bulk_process(parsed)
        return list(parsed)


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


def with_bounded_sentences(document: Any) -> Any:
    if all(len(sentence.words) <= MAX_SENTENCE_WORDS for sentence in document.sentences):
        return document
    pieces = [piece for sentence in document.sentences for piece in _pieces(sentence.tokens)]
    return StanzaDocument(
        [
            [
                {
                    "id": (number,),
                    "text": token.text,
                    "start_char": token.start_char,
                    "end_char": token.end_char,
                    **({"misc": token.misc} if token.misc else {}),  # by which mwt knows what to expand
                }
                for number, token in enumerate(piece, 1)
            ]
            for piece in pieces
        ],
        text=document.text,
    )


def _pieces(tokens: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Runs of at most MAX_SENTENCE_WORDS tokens."""
    while len(tokens) > MAX_SENTENCE_WORDS:
        cut = next(
            (
                at
                for at in range(MAX_SENTENCE_WORDS, MAX_SENTENCE_WORDS * 3 // 4, -1)
                if tokens[at - 1].text in _SOFT_BREAKS
            ),
            MAX_SENTENCE_WORDS,
        )
        yield tokens[:cut]
        tokens = tokens[cut:]
    yield tokens
