"""From labelled data to what names, tone and topics are learned from: sentences cut as the product cuts them.

A corpus of names comes with tokens of its own, which are not those the parse makes («44,03» is one token here and three
there). What is learned on other tokens than are read later is half lost; so texts are put together again, cut by the
bundle's tokenizer, and every name covers the tokens it touches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pipeline.models.evaluate import iob
from pipeline.models.reader import TopicLabel
from pipeline.models.semantics import Labels, Span
from pipeline.models.tokenizing import Tokenizer
from pipeline.models.train import labelled
from pipeline.models.train.labelled import Place, Text, Texts
from pipeline.models.train.recipe import SemanticsRecipe
from pipeline.models.train.semantics import UNKNOWN, Marked, Passage, Toned
from pipeline.models.train.written import Named
from pipeline.models.train.written import Passage as Written
from pipeline.plain import PlainText

TONES = ("negative", "neutral", "positive")
_TEXTS = 100
# One document in so many is not learned from but tells how far training is. Of the speeches in parliament, which count
# as one document, all are learned from.
_DEV_PARTS, _ONE_SOURCE = 12, "pm"

Sentence = tuple[tuple[str, int, int], ...]  # tokens and where they are in the text


class _Topic(msgspec.Struct):
    id: str
    name: str
    level: int
    path: list[str]
    retired: Any = None


def cut(tokenizer: Tokenizer, texts: Sequence[str]) -> Iterator[list[Sentence]]:
    """Texts to sentences of tokens, as the parse stage does."""
    for at in range(0, len(texts), _TEXTS):
        plains = [PlainText(text) for text in texts[at : at + _TEXTS]]
        for plain, said in zip(plains, tokenizer.cut([plain.text for plain in plains]), strict=True):
            yield [
                tuple((token.text, *plain.span(token.start, token.end)) for token in sentence)
                for sentence in said.bounded().sentences
            ]


def names(
    tokenizer: Tokenizer, recipe: SemanticsRecipe, texts: Texts, written: Sequence[Written | Named] = ()
) -> tuple[list[Marked], list[Marked]]:
    """Sentences with their names, to learn from and to score by."""
    known: list[Marked] = []
    chosen_by: list[Marked] = []
    documents = iob.read_iob(texts.data / recipe.names) if recipe.names else []
    for number, (gold, sentences) in enumerate(
        zip(documents, cut(tokenizer, [document.text for document in documents]), strict=True)
    ):
        (chosen_by if iob.is_dev(number) else known).extend(_marked(sentences, gold.entities))
    own = texts.places(recipe.own_names, "names")
    for text, sentences in zip(own, cut(tokenizer, [text.text for text in own]), strict=True):
        is_scored = not recipe.names and _is_dev(text.source)
        (chosen_by if is_scored else known).extend(
            _marked(sentences, [iob.Span(*Place.of(label)) for label in text.labels])
        )
    for each, sentences in zip(written, cut(tokenizer, [each.text for each in written]), strict=True):
        known += _marked(sentences, each.names)
    return known, chosen_by


def _marked(sentences: Sequence[Sentence], entities: Sequence[iob.Span]) -> Iterator[Marked]:
    for sentence in sentences:
        marks = iob.tags([(start, end) for _, start, end in sentence], entities)
        yield Marked(tuple(form for form, *_ in sentence), tuple(Span(*span) for span in iob.spans(marks)))


def labels(recipe: SemanticsRecipe, data: Path, known: Sequence[Marked]) -> tuple[Labels, list[TopicLabel]]:
    """What there is to tell: the types of names that occur, three tones, Media Topics of two levels that are in use."""
    taxonomy = msgspec.json.decode((data / recipe.taxonomy).read_bytes(), type=list[_Topic])
    topics = sorted(
        (
            TopicLabel(topic.id, topic.name, topic.path[0], 0.5)
            for topic in taxonomy
            if not topic.retired and (topic.level <= 2 or topic.id in _own_topics(recipe))
        ),
        key=lambda label: label.id,
    )
    types = sorted({span.type for marked in known for span in marked.spans})
    return Labels(tuple(types), TONES, tuple(label.id for label in topics)), topics


def tones(
    tokenizer: Tokenizer, recipe: SemanticsRecipe, texts: Texts, written: Sequence[Written] = ()
) -> tuple[list[Toned], list[Toned]]:
    told = texts.table(recipe.tones, "label")
    told += [
        text._replace(labels=(_polarity(int(text.labels[0])),)) for text in texts.places(recipe.own_tones, "valence")
    ]
    told += [
        Text(passage.id, (_polarity(sentence.valence),), sentence.text)
        for passage in written
        for sentence in passage.sentences
    ]
    known: list[Toned] = []
    chosen_by: list[Toned] = []
    for text, sentences in zip(told, cut(tokenizer, [text.text for text in told]), strict=True):
        forms = tuple(form for sentence in sentences for form, *_ in sentence)
        (chosen_by if text.id and _is_dev(text.source) else known).append(Toned(forms, TONES.index(text.labels[0])))
    return known, chosen_by


def passages(
    tokenizer: Tokenizer,
    recipe: SemanticsRecipe,
    texts: Texts,
    topics: Sequence[str],
    written: Sequence[Written] = (),
) -> tuple[list[Passage], list[Passage]]:
    second = labelled.read_second_level(labelled.OWN / recipe.own_topics) if recipe.own_topics else {}
    told = texts.table(recipe.topics, "topics") + texts.places(recipe.own_passages, "topics")
    told += [Text(passage.id, passage.topics, passage.text) for passage in written]
    known: list[Passage] = []
    chosen_by: list[Passage] = []
    for text, sentences in zip(told, cut(tokenizer, [text.text for text in told]), strict=True):
        said = {*text.labels, *second.get(text.id, ())}
        is_whole = not text.id or text.id in second  # the project's own are told of both levels
        is_told = tuple(1.0 if topic in said else 0.0 if topic in _TOP or is_whole else UNKNOWN for topic in topics)
        forms = tuple(tuple(form for form, *_ in sentence) for sentence in sentences)
        (chosen_by if _is_dev(text.source) else known).append(Passage(text.source, forms, is_told))
    return known, chosen_by


_TOP = frozenset(f"medtop:{number:02}000000" for number in range(1, 18))


def _own_topics(recipe: SemanticsRecipe) -> set[str]:
    if not recipe.own_topics:
        return set()
    second = labelled.read_second_level(labelled.OWN / recipe.own_topics)
    return {topic for told in second.values() for topic in told}


def _polarity(valence: int) -> str:
    return "negative" if valence < 0 else "positive" if valence else "neutral"


def _is_dev(source: str) -> bool:
    digest = hashlib.sha256(f"dev {source}".encode()).hexdigest()
    return source != _ONE_SOURCE and int(digest, 16) % _DEV_PARTS == 0
